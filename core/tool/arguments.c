/* arguments: the parser of the command line, its help, and the small courtesies that all subcommands share. Main thread, before anything
 * runs. */
#include "arguments.h"
#include "book/book.h"
#include "kit/arena.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "language/settings.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_option(const struct argument *a) {
  return a->name[0] == '-';
}

/* ---- what goes with what ---- */

#define GIVEN_MOST 64
static const struct argument *given[GIVEN_MOST]; /* on the command line itself: the environment's options are for whoever takes them */
static size_t given_count;

static void note_given(const struct argument *a) {
  if (given_count < GIVEN_MOST) given[given_count++] = a;
}

bool arguments_said(const char *option) {
  for (size_t i = 0; i < given_count; i++)
    if (strcmp(given[i]->name, option) == 0) return true;
  return false;
}

/* The list behind "without "; NULL: the fit is of another kind. */
static const char *others_of(const struct argument_fit *f) {
  static const char without[] = "without ";
  return strncmp(f->with, without, sizeof without - 1) == 0 ? f->with + sizeof without - 1 : NULL;
}

static bool names_verbs(const struct argument_fit *f) {
  return f->with[0] != '-' && !others_of(f);
}

/* The verbs that take it; NULL: all. */
static const char *verbs_of(const struct usage *u, const char *option) {
  for (size_t i = 0; i < u->fit_count; i++)
    if (names_verbs(&u->fits[i]) && strcmp(u->fits[i].option, option) == 0) return u->fits[i].with;
  return NULL;
}

static bool is_for_verb(const char *with, const char *verb) {
  struct str rest = str_from(with), one;
  while (str_split(&rest, ',', &one))
    if (str_is(str_trim(one), verb)) return true;
  return false;
}

static bool takes_all(const struct usage *u, const char *verb) {
  const char *wrong = NULL;
  for (size_t i = 0; i < u->fit_count && !wrong; i++)
    if (names_verbs(&u->fits[i]) && arguments_said(u->fits[i].option) && !is_for_verb(u->fits[i].with, verb)) wrong = u->fits[i].option;
  if (!wrong) return true;
  fprintf(stderr, "kairos %s: %s takes no %s: it is for %s; %s takes", u->name, verb, wrong, verbs_of(u, wrong), verb);
  const char *before = " ";
  for (size_t i = 0; i < u->count; i++) {
    const char *with = verbs_of(u, u->arguments[i].name);
    if (!is_option(&u->arguments[i]) || (with && !is_for_verb(with, verb))) continue;
    fprintf(stderr, "%s%s", before, u->arguments[i].name);
    before = ", ";
  }
  fprintf(stderr, "\nkairos %s --help tells more.\n", u->name);
  return false;
}

static int check_beside(const struct usage *u, const struct argument_fit *f) {
  struct str rest = str_from(others_of(f)), one;
  while (str_split(&rest, ',', &one)) {
    char other[64];
    snprintf(other, sizeof other, STR_FORMAT, STR_ARG(str_trim(one)));
    if (!arguments_said(other)) continue;
    fprintf(stderr, "kairos %s: %s does not go with %s\nkairos %s --help tells more.\n", u->name, f->option, other, u->name);
    return EXIT_USAGE;
  }
  return 0;
}

static int check_pairs(const struct usage *u) {
  int code = 0;
  for (size_t i = 0; i < u->fit_count && code == 0; i++) {
    const struct argument_fit *f = &u->fits[i];
    if (names_verbs(f) || !arguments_said(f->option)) continue;
    if (others_of(f)) code = check_beside(u, f);
    else if (!arguments_said(f->with)) {
      fprintf(stderr, "kairos %s: %s goes with %s, which is not there\nkairos %s --help tells more.\n", u->name, f->option, f->with,
              u->name);
      code = EXIT_USAGE;
    }
  }
  return code;
}

/* ---- help and complaints ---- */

static void print_help(const struct usage *u) {
  printf("%s\n\nExamples:\n%s\n", u->summary, u->examples);
  printf("Usage: kairos %s", u->name);
  for (size_t i = 0; i < u->count; i++)
    if (!is_option(&u->arguments[i])) printf(" [%s]", u->arguments[i].name);
  printf(" [options]\n\n");
  for (size_t i = 0; i < u->count; i++) {
    const struct argument *a = &u->arguments[i];
    char left[64];
    snprintf(left, sizeof left, "%s%s%s", a->name, a->value ? " " : "", a->value ? a->value : "");
    printf("  %-28s ", left);
    for (size_t k = 0; k < u->fit_count; k++)
      if (strcmp(u->fits[k].option, a->name) == 0) printf("%s%s: ", u->fits[k].with[0] == '-' ? "with " : "", u->fits[k].with);
    printf("%s", a->help);
    if (a->environment) printf(" (environment: %s)", a->environment);
    putchar('\n');
  }
  printf("  %-28s %s\n", "--help", "this text");
}

static int usage_error(const struct usage *u, const char *format, const char *what) {
  fprintf(stderr, "kairos %s: ", u->name);
  fprintf(stderr, format, what);
  const char *names[64];
  size_t count = 0;
  for (size_t i = 0; i < u->count && count < 64; i++)
    if (is_option(&u->arguments[i])) names[count++] = u->arguments[i].name;
  const char *near = what[0] == '-' ? str_nearest(str_from(what), names, count) : NULL;
  if (near && strcmp(near, what) != 0) fprintf(stderr, " (did you mean %s?)", near);
  fprintf(stderr, "\nkairos %s --help tells more.\n", u->name);
  return EXIT_USAGE;
}

static int too_many(const struct usage *u, const char *what) {
  bool places = false;
  fprintf(stderr, "kairos %s: nothing takes \"%s\": expected", u->name, what);
  for (size_t i = 0; i < u->count; i++) {
    if (is_option(&u->arguments[i])) continue;
    fprintf(stderr, " [%s]", u->arguments[i].name);
    places = true;
  }
  fprintf(stderr, "%s\nkairos %s --help tells more.\n", places ? " and options" : " options only", u->name);
  return EXIT_USAGE;
}

int arguments_refuse(const struct usage *u, const struct err *e) {
  fprintf(stderr, "kairos %s: %s\nkairos %s --help tells more.\n", u->name, e->text, u->name);
  return EXIT_USAGE;
}

static int wrong_value(const struct usage *u, const struct argument *a, const char *expected, const char *value) {
  fprintf(stderr, "kairos %s: %s: expected %s, got \"%s\"\nkairos %s --help tells more.\n", u->name, a->name, expected, value, u->name);
  return EXIT_USAGE;
}

/* A host with nothing before it is http: only another protocol is refused. */
static bool is_address(const char *value) {
  return strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0 || !strstr(value, "://");
}

static int set_value(const struct usage *u, const struct argument *a, const char *value) {
  int64_t at;
  switch (a->kind) {
  case ARGUMENT_FLAG: *(bool *)a->into = true; return 0;
  case ARGUMENT_TEXT: *(const char **)a->into = value; return 0;
  case ARGUMENT_NUMBER: return str_to_int(str_from(value), a->into) ? 0 : wrong_value(u, a, "a whole number", value);
  case ARGUMENT_TIME:
    *(const char **)a->into = value;
    return clock_parse(str_from(value), &at) ? 0 : wrong_value(u, a, "a time like 2025-01-15T22:40:00Z", value);
  case ARGUMENT_URL:
    *(const char **)a->into = value;
    return is_address(value) ? 0 : wrong_value(u, a, "an address like http://127.0.0.1:8080", value);
  case ARGUMENT_LIST: break;
  }
  struct argument_list *list = a->into;
  if (list->count == ARGUMENT_LIST_MOST) return usage_error(u, "%s is given too often", a->name);
  list->at[list->count++] = value;
  return 0;
}

static const struct argument *find_option(const struct usage *u, const char *text, size_t length) {
  for (size_t i = 0; i < u->count; i++)
    if (is_option(&u->arguments[i]) && strlen(u->arguments[i].name) == length && memcmp(u->arguments[i].name, text, length) == 0)
      return &u->arguments[i];
  return NULL;
}

static const struct argument *next_place(const struct usage *u, size_t *place) {
  for (; *place < u->count; (*place)++)
    if (!is_option(&u->arguments[*place]))
      return u->arguments[*place].kind == ARGUMENT_LIST ? &u->arguments[*place] : &u->arguments[(*place)++];
  return NULL;
}

static int no_value(const struct usage *u, const struct argument *a, const char *came) {
  fprintf(stderr, "kairos %s: %s needs a value: expected %s, got %s\nkairos %s --help tells more.\n", u->name, a->name, a->value, came,
          u->name);
  return EXIT_USAGE;
}

/* What is an option itself was not meant as the value of the one before it; --data=--json says that it is. */
static int read_option(const struct usage *u, int argc, char **argv, int *i) {
  const char *text = argv[*i], *equals = strchr(text, '=');
  const struct argument *a = find_option(u, text, equals ? (size_t)(equals - text) : strlen(text));
  if (!a) return usage_error(u, "unknown option %s", text);
  note_given(a);
  if (a->kind == ARGUMENT_FLAG) return equals ? usage_error(u, "%s takes no value", text) : set_value(u, a, NULL);
  if (equals) return equals[1] ? set_value(u, a, equals + 1) : no_value(u, a, "nothing");
  if (*i + 1 >= argc || !argv[*i + 1][0]) return no_value(u, a, "nothing");
  const char *next = argv[*i + 1];
  if (find_option(u, next, strlen(next)) || strcmp(next, "--help") == 0) return no_value(u, a, next);
  ++*i;
  return set_value(u, a, next);
}

static int read_environment(const struct usage *u) {
  for (size_t i = 0; i < u->count; i++) {
    const char *value = u->arguments[i].environment ? getenv(u->arguments[i].environment) : NULL;
    int code = value && value[0] ? set_value(u, &u->arguments[i], value) : 0;
    if (code) return code;
  }
  return 0;
}

static const char *nearest_setting(const struct usage *u, const char *name) {
  const char *names[64];
  size_t count = 0;
  for (size_t i = 0; i < u->count && count < 64; i++)
    if (is_option(&u->arguments[i])) names[count++] = u->arguments[i].name + 2;
  return str_nearest(str_from(name), names, count);
}

static int set_from_file(const struct usage *u, const char *path, const struct setting *s) {
  char option[80];
  snprintf(option, sizeof option, "--%s", s->name);
  const struct argument *a = find_option(u, option, strlen(option));
  if (!a) {
    const char *near = nearest_setting(u, s->name);
    fprintf(stderr, "%s: unknown setting \"%s\"%s%s%s; kairos %s --help lists them, without their dashes\n", path, s->name,
            near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "", u->name);
    return EXIT_USAGE;
  }
  if ((a->kind == ARGUMENT_FLAG) == !s->text) return set_value(u, a, s->text);
  fprintf(stderr, "%s: %s: expected %s\n", path, s->name, a->kind == ARGUMENT_FLAG ? "true or false" : "a value, got true");
  return EXIT_USAGE;
}

static int read_settings(const struct usage *u) {
  static struct arena kept; /* options point into it as long as the program runs */
  const char *named = getenv("KAIROS_CONFIG"), *path = named && named[0] ? named : "kairos.lua";
  if (path != named && !file_exists(path)) return 0;
  struct buf text = {0};
  struct err e = {0};
  struct setting *list;
  size_t count = 0;
  int code = 0;
  if (!file_read(path, &text, 1 << 20, &e) || !settings_read(buf_view(&text), path, &kept, &list, &count, &e)) {
    code = tool_fail(&e);
    code = e.kind == ERR_INPUT ? EXIT_USAGE : code;
  }
  for (size_t i = 0; code == 0 && i < count; i++) code = set_from_file(u, path, &list[i]);
  buf_free(&text);
  return code;
}

/* A list that is said again stands for itself. */
static void drop_first(struct argument_list *list, size_t count) {
  if (list->count == count) return;
  memmove(list->at, list->at + count, (list->count - count) * sizeof *list->at);
  list->count -= count;
}

int arguments_parse_settings(const struct usage *u, int argc, char **argv) {
  size_t from_file[64] = {0};
  int code = read_settings(u);
  for (size_t i = 0; i < u->count && i < 64; i++)
    if (u->arguments[i].kind == ARGUMENT_LIST) from_file[i] = ((struct argument_list *)u->arguments[i].into)->count;
  if (code == 0) code = arguments_parse(u, argc, argv);
  for (size_t i = 0; i < u->count && i < 64; i++)
    if (u->arguments[i].kind == ARGUMENT_LIST) drop_first(u->arguments[i].into, from_file[i]);
  return code;
}

int arguments_parse(const struct usage *u, int argc, char **argv) {
  size_t place = 0;
  int code = read_environment(u);
  given_count = 0;
  for (int i = 1; i < argc && code == 0; i++) {
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      print_help(u);
      return -1;
    }
    if (argv[i][0] == '-' && argv[i][1]) {
      code = read_option(u, argc, argv, &i);
      continue;
    }
    const struct argument *a = next_place(u, &place);
    if (a) note_given(a);
    code = a ? set_value(u, a, argv[i]) : too_many(u, argv[i]);
  }
  return code ? code : check_pairs(u);
}

static void print_words(const char *const *words, const char *got) {
  fprintf(stderr, "expected ");
  for (size_t i = 0; words[i]; i++) fprintf(stderr, "%s%s", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
  if (got) fprintf(stderr, ", got \"%s\"", got);
}

int arguments_word(const struct usage *u, const char *place, const char *word, const char *const *words) {
  size_t count = 0;
  const bool said = word && word[0];
  for (; words[count]; count++)
    if (said && strcmp(word, words[count]) == 0) return place[0] == '-' || takes_all(u, word) ? (int)count : -1;
  const char *near = said ? str_nearest(str_from(word), words, count) : NULL;
  fprintf(stderr, "kairos %s: ", u->name);
  if (!said) fprintf(stderr, "%s is missing: ", place);
  print_words(words, said ? word : NULL);
  if (near) fprintf(stderr, " (did you mean \"%s\"?)", near);
  fprintf(stderr, "\nkairos %s --help tells more.\n", u->name);
  return -1;
}

bool arguments_given(const struct usage *u, const char *place, const char *value) {
  if (value && value[0]) return true;
  fprintf(stderr, "kairos %s: %s is missing\nkairos %s --help tells more.\n", u->name, place, u->name);
  return false;
}

bool arguments_unused(const struct usage *u, const char *value) {
  if (value) usage_error(u, "nothing takes \"%s\": expected nothing there", value);
  return !value;
}

static bool unprinted;

void tool_print(struct buf *built) {
  unprinted |= built->failed;
  if (!built->failed) {
    if (built->len) fwrite(built->at, 1, built->len, stdout);
    putchar('\n');
  }
  buf_free(built);
}

/* What went to a full disk is not there, and whoever reads the exit code must know. */
bool tool_printed(void) {
  const bool written = fflush(stdout) == 0 && !ferror(stdout);
  if (!written) fprintf(stderr, "kairos: not all could be written to standard output\n");
  if (unprinted) fprintf(stderr, "kairos: no memory for all that was to be printed\n");
  return written && !unprinted;
}

int tool_fail(const struct err *e) {
  static const int codes[] = {[ERR_NONE] = EXIT_FAILED,       [ERR_INPUT] = EXIT_FAILED,    [ERR_MISSING] = EXIT_NOT_FOUND,
                              [ERR_CONFLICT] = EXIT_CONFLICT, [ERR_DENIED] = EXIT_DENIED,   [ERR_BUSY] = EXIT_UNREACHABLE,
                              [ERR_STORAGE] = EXIT_FAILED,    [ERR_INTERNAL] = EXIT_FAILED, [ERR_STOPPING] = EXIT_UNREACHABLE};
  fprintf(stderr, "kairos: %s\n", e->text[0] ? e->text : "failed without a reason: please report this");
  return codes[e->kind];
}

void tool_say_open(const char *data) {
  unsigned mode;
  if (book_open_to_others(data, &mode))
    fprintf(stderr, "%s was there and is open to others (mode %04o): its files are not, but their names and sizes are seen: chmod 700 %s\n",
            data, mode, data);
}

/* The directory that something lies in or would lie in: what is written may end in slashes, or name directories that are not there yet. */
static bool folder_of(const char *path, char at[PATH_MAX]) {
  char folder[PATH_MAX];
  snprintf(folder, sizeof folder, "%s", path);
  for (;;) {
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/') folder[--length] = 0;
    char *slash = strrchr(folder, '/');
    if (!slash) return realpath(".", at) != NULL;
    slash[slash == folder] = 0; /* "/x" lies in "/" */
    if (realpath(folder, at)) return true;
    if (slash == folder) return false;
  }
}

/* Asked of the directories as they are, not as they are written. */
bool tool_outside(const char *path, const char *data, struct err *e) {
  char at[PATH_MAX], of[PATH_MAX];
  if (!folder_of(path, at) || !realpath(data, of)) return true; /* whoever opens them says why */
  const size_t inside = strlen(of);
  if (strncmp(at, of, inside) != 0 || (at[inside] && at[inside] != '/')) return true;
  return err_set(e, ERR_CONFLICT, "%s lies in the data directory %s, where nothing is replaced or added: name another place", path, data);
}

bool tool_color(int descriptor) {
  const char *none = getenv("NO_COLOR");
  return isatty(descriptor) && !(none && none[0]); /* empty is not set, as the convention has it */
}

void tool_progress(const char *what, double share) {
  static int64_t last;
  int64_t now = clock_monotonic();
  if (!isatty(STDERR_FILENO) || (now - last < 100000000 && share < 1)) return;
  last = now;
  int filled = (int)(share * 30);
  fprintf(stderr, "\r%s [", what);
  for (int i = 0; i < 30; i++) fputc(i < filled ? '#' : '.', stderr);
  fprintf(stderr, "] %3d %%", (int)(share * 100));
  fflush(stderr);
}

void tool_progress_end(void) {
  if (isatty(STDERR_FILENO)) fprintf(stderr, "\r\033[K");
}

static const char *own_plugins(void) {
  static char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 32);
  for (int up = 0; length > 0 && up < 3;
       up++) { /* build: <build>/core/kairos and <build>/plugins; installed: <prefix>/bin/kairos and <prefix>/lib/kairos/plugins */
    while (length > 0 && path[length - 1] != '/') length--;
    memcpy(path + length, "plugins", 8);
    if (file_exists(path)) return path;
    memcpy(path + length, "lib/kairos/plugins", 19);
    if (file_exists(path)) return path;
    length -= length > 0;
  }
  return "/usr/lib/kairos/plugins";
}

const char *tool_plugin_directory(void) {
  static char both[8192];
  const char *named = getenv("KAIROS_PLUGINS"), *own = own_plugins();
  if (!named || !named[0]) return own;
  snprintf(both, sizeof both, "%.4000s:%s", named, own);
  return both;
}
