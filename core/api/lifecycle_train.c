/* lifecycle_train: one model is trained again, in a process of its own. The live program is written into a folder of the data directory,
 * the process reads it and the journal, and what it finds better comes back as a file. Promises one training at a time, that the lanes
 * share nothing with it but the disk, that it ends with the engine, and that whatever comes of it is said: in the log, in the registry, and
 * to who asks. Main thread, but for the errand that writes the folder. */
#include "inside.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "kit/log.h"
#include "lifecycle.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECONDS_MOST "3600"
#define OUTPUT_MOST  65536

struct training_job {
  struct errand errand; /* first: the folder is written */
  struct lifecycle *lifecycle;
  const struct program *base; /* held while its files are written */
  char model[128], author[128], why[200], state_path[400];
  char folder[4200], program[4300], out[4300];
  uv_process_t process;
  uv_pipe_t pipes[2];
  struct buf said[2]; /* standard output, standard error */
  uint32_t open;      /* handles */
  int64_t status;
  int64_t begun;
  struct err err;
};

/* ---- the folder ---- */

static bool write_files(struct training_job *j, struct err *e) {
  char path[5000];
  file_remove_tree(j->folder, NULL);
  if (!file_make_directory(j->program, 0700, e)) return false;
  for (size_t i = 0; i < j->base->source_count; i++) {
    const struct source *s = &j->base->sources[i];
    snprintf(path, sizeof path, "%s/%s", j->program, s->path);
    *strrchr(path, '/') = 0;
    if (!file_make_directory(path, 0700, e)) return false;
    snprintf(path, sizeof path, "%s/%s", j->program, s->path);
    if (!file_write_atomic(path, s->text, 0600, e)) return false;
  }
  return true;
}

static void write_folder(struct errand *errand) {
  struct training_job *j = (struct training_job *)errand;
  write_files(j, &j->err);
}

/* ---- the end ---- */

static void training_free(struct training_job *j) {
  if (j->folder[0]) file_remove_tree(j->folder, NULL);
  library_release(j->lifecycle->api->library, j->base);
  for (int i = 0; i < 2; i++) buf_free(&j->said[i]);
  if (j->lifecycle->job == j) j->lifecycle->job = NULL;
  kit_free(j);
}

static void conclude(struct training_job *j, const char *event, const char *why, struct str figures) {
  struct lifecycle *l = j->lifecycle;
  struct episode *e = episode_of(l, str_from(j->model));
  log_info("models", "%s: trained because of %s: %s: %s", j->model, j->why, event, why);
  if (e) snprintf(e->last, sizeof e->last, "%s: %s", event, why);
  if (strcmp(event, "failed") == 0) l->figures.failures++;
  registry_note(l, j->model, event, j->author, why, figures);
}

/* Why a process ended is its last line; what lies before tells how far it came. */
static struct str last_line(struct str said) {
  size_t from = said.len;
  while (from > 0 && said.at[from - 1] != '\n') from--;
  said = (struct str){said.at + from, said.len - from};
  if (str_starts(said, "kairos: ")) said = (struct str){said.at + 8, said.len - 8};
  return said;
}

static void fail(struct training_job *j) {
  if (j->err.kind == ERR_NONE) {
    const struct str said = last_line(str_trim(buf_view(&j->said[1])));
    const size_t from = said.len > 300 ? said.len - 300 : 0;
    if (said.len) err_set(&j->err, ERR_INTERNAL, STR_FORMAT, (int)(said.len - from), said.at + from);
    else err_set(&j->err, ERR_INTERNAL, "the process that trained ended with %lld", (long long)j->status);
  }
  conclude(j, "failed", j->err.text, (struct str){0});
}

/* Better: it lies beside the served state from now on. */
static void take_verdict(struct training_job *j) {
  struct lifecycle *l = j->lifecycle;
  struct arena a = {0};
  struct json v;
  struct episode *e = episode_of(l, str_from(j->model));
  const struct str said = str_trim(buf_view(&j->said[0]));
  if (!json_parse(&v, &a, said, &json_limits_default, &j->err)) fail(j);
  else {
    const struct str verdict = json_text(&v, json_get(&v, 0, "verdict"), &a), why = json_text(&v, json_get(&v, 0, "why"), &a),
                     parent = json_text(&v, json_get(&v, 0, "parent"), &a);
    const char *words = arena_text(&a, why.at, why.len);
    const bool better = str_is(verdict, "better"), current = e && str_is(parent, e->served) && !e->beside[0];
    const struct change_ask ask = {.event = "candidate",
                                   .served = e ? e->served : NULL,
                                   .role = MODEL_CANDIDATE,
                                   .author = j->author,
                                   .why = words,
                                   .file = j->out,
                                   .figures = said};
    if (!better) conclude(j, "kept", words, said);
    else if (!current) conclude(j, "kept", "another state is served by now than it was compared with", said);
    else if (change_begin(l, e, &ask)) {
      log_info("models", "%s: trained because of %s: better: %s", j->model, j->why, words);
      snprintf(e->last, sizeof e->last, "candidate: %s", words);
    } else conclude(j, "kept", "another change of this model is under way", said);
  }
  arena_free(&a);
}

/* The state's file is read on the builder's thread, after this, and the folder goes then; or now when nobody needs it. */
static void finish(struct training_job *j) {
  struct lifecycle *l = j->lifecycle;
  const uint32_t changes = l->changes;
  if (!l->programs->closing) {
    if (j->err.kind != ERR_NONE || j->status != 0) fail(j);
    else take_verdict(j);
  }
  if (l->changes > changes) j->folder[0] = 0;
  training_free(j);
}

/* ---- the process ---- */

static void on_closed(uv_handle_t *handle) {
  struct training_job *j = handle->data;
  if (--j->open == 0) finish(j);
}

static void on_exit(uv_process_t *process, int64_t status, int signal_number) {
  struct training_job *j = process->data;
  j->status = status ? status : signal_number ? 128 + signal_number : 0;
  uv_close((uv_handle_t *)process, on_closed);
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *out) {
  static char room[4096]; /* main thread only, and read at once */
  (void)handle;
  (void)wanted;
  *out = uv_buf_init(room, sizeof room);
}

static void on_said(uv_stream_t *stream, ssize_t count, const uv_buf_t *b) {
  struct training_job *j = stream->data;
  struct buf *to = &j->said[stream == (uv_stream_t *)&j->pipes[1]];
  if (count < 0) uv_close((uv_handle_t *)stream, on_closed);
  else if (to->len < OUTPUT_MOST) buf_put(to, b->base, (size_t)count);
}

/* Secrets are not handed on, and what is temporary lies in the job's folder: who is killed leaves nothing elsewhere, and plugins run there.
 */
static bool is_withheld(const char *variable) {
  return strncmp(variable, "KAIROS_WEBHOOK_SECRET=", 22) == 0 || strncmp(variable, "KAIROS_KEY=", 11) == 0 ||
         strncmp(variable, "TMPDIR=", 7) == 0;
}

extern char **environ;

static bool spawn(struct training_job *j, struct err *e) {
  struct arena a = {0};
  size_t count = 0, kept = 0;
  while (environ[count]) count++;
  char **env = ARENA_ARRAY(&a, char *, count + 3), us[60], temporary[4300];
  snprintf(us, sizeof us, "KAIROS_TRAINS_FOR=%ld", (long)getpid());
  snprintf(temporary, sizeof temporary, "TMPDIR=%s", j->folder);
  for (size_t i = 0; env && i < count; i++)
    if (!is_withheld(environ[i])) env[kept++] = environ[i];
  if (env) env[kept++] = us;
  if (env) env[kept] = temporary;
  char data[4200];
  snprintf(data, sizeof data, "%s", book_directory(j->lifecycle->api->book));
  char *args[] = {"kairos", "retrain", j->model,    "--out",      j->out,   "--program", j->program,
                  "--data", data,      "--seconds", SECONDS_MOST, "--json", NULL};
  uv_stdio_container_t stdio[] = {{.flags = UV_IGNORE},
                                  {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&j->pipes[0]},
                                  {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&j->pipes[1]}};
  const uv_process_options_t o = {.file = "/proc/self/exe", .args = args, .env = env, .exit_cb = on_exit, .stdio_count = 3, .stdio = stdio};
  uv_loop_t *loop = j->lifecycle->programs->loop;
  for (int i = 0; i < 2; i++) {
    uv_pipe_init(loop, &j->pipes[i], 0);
    j->pipes[i].data = j;
  }
  j->process.data = j;
  j->open = env ? 3 : 2; /* without memory there is no process */
  const int code = env ? uv_spawn(loop, &j->process, &o) : UV_ENOMEM;
  arena_free(&a);
  if (code == 0) {
    for (int i = 0; i < 2; i++) uv_read_start((uv_stream_t *)&j->pipes[i], on_room, on_said);
    return true;
  }
  err_set(e, ERR_INTERNAL, "the process that trains could not be started: %s", uv_strerror(code));
  j->status = 1;
  for (int i = 0; i < 2; i++) uv_close((uv_handle_t *)&j->pipes[i], on_closed);
  if (env) uv_close((uv_handle_t *)&j->process, on_closed);
  return false;
}

static void folder_written(struct errand *errand) {
  struct training_job *j = (struct training_job *)errand;
  struct lifecycle *l = j->lifecycle;
  library_release(l->api->library, j->base);
  j->base = NULL;
  if (!errand->worked || l->programs->closing || j->err.kind != ERR_NONE) {
    if (errand->worked && !l->programs->closing) fail(j);
    training_free(j);
    return;
  }
  spawn(j, &j->err); /* when it fails, the handles' closing ends the job */
}

bool training_runs(const struct lifecycle *l) {
  return l->job != NULL;
}

bool training_start(struct lifecycle *l, struct episode *e, const char *author, const char *why, struct err *err) {
  const char *data = book_directory(l->api->book);
  if (l->job) return err_set(err, ERR_CONFLICT, "%s is being trained: one at a time", l->job->model);
  if (e->beside[0])
    return err_set(err, ERR_CONFLICT, "a %s of %s is beside the served state: wait for it, or drop it first", model_role_word(e->role),
                   e->name);
  struct training_job *j = l->programs->builder ? kit_alloc(sizeof *j) : NULL;
  if (!j) return err_set(err, ERR_BUSY, "no memory for a training");
  *j = (struct training_job){.errand = {.work = write_folder, .done = folder_written}, .lifecycle = l, .begun = clock_now()};
  snprintf(j->model, sizeof j->model, "%s", e->name);
  snprintf(j->author, sizeof j->author, "%s", author);
  snprintf(j->why, sizeof j->why, "%s", why);
  snprintf(j->state_path, sizeof j->state_path, "%s", e->state_path);
  snprintf(j->folder, sizeof j->folder, "%s/" LIFECYCLE_FOLDER, data);
  snprintf(j->program, sizeof j->program, "%s/program", j->folder);
  snprintf(j->out, sizeof j->out, "%s/new.state", j->folder);
  j->base = library_hold(l->programs->library, l->programs->live->draft->program);
  l->job = j;
  l->figures.trainings++;
  e->trained = j->begun;
  builder_ask(l->programs->builder, &j->errand);
  log_info("models", "%s: training, because of %s", e->name, why);
  return true;
}

void training_stop(struct lifecycle *l) {
  if (l->job && l->job->open && uv_is_active((uv_handle_t *)&l->job->process)) uv_process_kill(&l->job->process, SIGKILL);
}

void training_put(const struct lifecycle *l, const struct episode *e, struct json_writer *w) {
  char at[32];
  json_key(w, "training");
  if (!l->job || strcmp(l->job->model, e->name) != 0) {
    json_put_null(w);
    return;
  }
  json_open_object(w);
  json_pair_str(w, "since", (struct str){at, clock_format(l->job->begun, at)});
  json_pair_text(w, "why", l->job->why);
  json_pair_text(w, "author", l->job->author);
  json_close_object(w);
}
