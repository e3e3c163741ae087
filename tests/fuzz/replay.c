/* The main of a fuzz target where libFuzzer is not (gcc): hands every file that it is given, or finds in the directories that it is given,
 * to the target once. It makes no new inputs. A target that is given nothing fails, for then nothing would have been tested. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int replay_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    return -1;
  }
  struct stat info;
  size_t size = 0;
  uint8_t *bytes = NULL;
  if (fstat(fileno(file), &info) == 0) {
    size = (size_t)info.st_size;
    bytes = malloc(size ? size : 1); /* exactly as long as the file, so that a read beyond it is seen */
  }
  const bool whole = bytes && fread(bytes, 1, size, file) == size;
  fclose(file);
  if (whole) LLVMFuzzerTestOneInput(bytes, size);
  free(bytes);
  return whole ? 1 : -1;
}

static int replay_directory(const char *path) {
  struct dirent **names;
  const int count = scandir(path, &names, NULL, alphasort);
  int done = 0;
  bool failed = count < 0;
  for (int i = 0; i < count; i++) {
    char inner[4096];
    snprintf(inner, sizeof inner, "%s/%s", path, names[i]->d_name);
    struct stat info;
    if (!failed && stat(inner, &info) == 0 && S_ISREG(info.st_mode)) {
      const int one = replay_file(inner);
      failed = one < 0;
      done += one;
    }
    free(names[i]);
  }
  if (count >= 0) free(names);
  return failed ? -1 : done;
}

int main(int count, char **arguments) {
  int done = 0;
  for (int i = 1; i < count; i++) {
    struct stat info;
    const int one = stat(arguments[i], &info) == 0 && S_ISDIR(info.st_mode) ? replay_directory(arguments[i]) : replay_file(arguments[i]);
    if (one < 0) {
      fprintf(stderr, "could not read %s\n", arguments[i]);
      return 1;
    }
    done += one;
  }
  printf("%d inputs replayed\n", done);
  return done > 0 ? 0 : 1;
}
