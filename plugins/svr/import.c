/* libsvm's model text, read without libsvm, whose own loader believes every count in the file (a forged total_sv ends in SIGSEGV).
 * Promises to take only epsilon-SVR with the radial kernel, at most SVR_VECTORS_MOST vectors with as many lines as announced, indices that
 * rise within the model's inputs, and finite numbers; everything else is refused with its line. The file's inputs 1…n are the model's in
 * declared order, and are not standardised. Called while a model is built. */
#include "common/refuse.h"
#include "common/text.h"
#include "svr.h"
#include <string.h>

struct head {
  double gamma, rho;
  uint32_t vectors;
  bool has_gamma, has_rho, has_vectors, is_svr, is_rbf;
};

/* libsvm's numbers here: none that would let a sum overflow. */
static bool word_number(const char *word, double *value) {
  return text_number(word, value) && *value > -1e100 && *value < 1e100;
}

/* What each line before SV may say. */
static const char *expected_of(const char *key) {
  static const char *const list[][2] = {{"svm_type", "epsilon_svr"}, {"kernel_type", "rbf"}, {"gamma", "one number above 0"},
                                        {"rho", "one number"},       {"nr_class", "2"},      {"total_sv", "a whole number up to 20000"},
                                        {"probA", "one number"}};
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    if (strcmp(key, list[i][0]) == 0) return list[i][1];
  return NULL;
}
_Static_assert(SVR_VECTORS_MOST == 20000, "expected_of says how many vectors there may be");

static kairos_status read_head_line(struct head *h, char *line, unsigned number, kairos_error *error) {
  char *key = text_word(&line), *word = text_word(&line);
  bool good = word && !text_word(&line);
  uint32_t classes;
  if (!key || !good) good = false;
  else if (strcmp(key, "svm_type") == 0) good = h->is_svr = strcmp(word, "epsilon_svr") == 0;
  else if (strcmp(key, "kernel_type") == 0) good = h->is_rbf = strcmp(word, "rbf") == 0;
  else if (strcmp(key, "gamma") == 0) good = h->has_gamma = word_number(word, &h->gamma) && h->gamma > 0;
  else if (strcmp(key, "rho") == 0) good = h->has_rho = word_number(word, &h->rho);
  else if (strcmp(key, "nr_class") == 0) good = text_count(word, 2, &classes) && classes == 2;
  else if (strcmp(key, "total_sv") == 0) good = h->has_vectors = text_count(word, SVR_VECTORS_MOST, &h->vectors);
  else good = strcmp(key, "probA") == 0 && word_number(word, &(double){0}); /* the width of its error, not used here */
  if (good) return KAIROS_OK;
  const char *expected = key ? expected_of(key) : NULL;
  if (expected)
    return refuse(error, KAIROS_BAD_STATE, "libsvm model, line %u: %s: expected %s, got '%.40s'", number, key, expected, word ? word : "");
  return refuse(error, KAIROS_BAD_STATE,
                "libsvm model, line %u: expected svm_type, kernel_type, gamma, nr_class, total_sv, rho or probA, got '%.40s'", number,
                key ? key : "");
}

static kairos_status read_head(struct head *h, struct text *t, kairos_error *error) {
  *h = (struct head){0};
  for (char *line; (line = text_line(t));) {
    if (strcmp(line, "SV") == 0) {
      if (h->is_svr && h->is_rbf && h->has_gamma && h->has_rho && h->has_vectors) return KAIROS_OK;
      return refuse(error, KAIROS_BAD_STATE, "libsvm model, line %u: svm_type, kernel_type, gamma, total_sv and rho come before SV",
                    t->line);
    }
    const kairos_status status = read_head_line(h, line, t->line, error);
    if (status != KAIROS_OK) return status;
  }
  return refuse(error, KAIROS_BAD_STATE, "libsvm model: it ends after line %u without a line 'SV'", t->line);
}

static kairos_status read_vector(struct machine *m, uint32_t vector, char *line, unsigned number, kairos_error *error) {
  if (!word_number(text_word(&line), &m->coefficients[vector]))
    return refuse(error, KAIROS_BAD_STATE, "libsvm model, line %u: expected a coefficient first, a finite number", number);
  uint32_t index, last = 0;
  double value;
  for (char *word; (word = text_word(&line)); last = index) {
    char *colon = strchr(word, ':');
    if (colon) *colon = 0;
    if (!colon || !text_count(word, m->inputs, &index) || index <= last || !word_number(colon + 1, &value))
      return refuse(error, KAIROS_BAD_STATE, "libsvm model, line %u: expected index:value with rising indices of 1 to %u, got '%.40s'",
                    number, m->inputs, word);
    *machine_support(m, vector, index - 1) = value;
  }
  return KAIROS_OK;
}

static kairos_status read_text(kairos_model *model, struct text *t, kairos_error *error) {
  struct head h;
  struct machine m;
  kairos_status status = read_head(&h, t, error);
  if (status != KAIROS_OK) return status;
  if (h.vectors > (uint64_t)(t->end - t->at) + 1) /* a line has at least a digit: no memory for what cannot be there */
    return refuse(error, KAIROS_BAD_STATE, "libsvm model: %u support vectors are announced, the file is too short for them", h.vectors);
  if (!machine_new(&m, model->host, model->settings.shape.input_count, h.vectors))
    return refuse(error, KAIROS_NO_MEMORY, "libsvm model: no memory for %u support vectors", h.vectors);
  m.gamma = h.gamma;
  m.bias = -h.rho;
  for (uint32_t v = 0; v < h.vectors && status == KAIROS_OK; v++) {
    char *line = text_line(t);
    if (line) status = read_vector(&m, v, line, t->line, error);
    else status = refuse(error, KAIROS_BAD_STATE, "libsvm model: %u support vectors are announced, %u are there", h.vectors, v);
  }
  if (status == KAIROS_OK && t->at < t->end)
    status = refuse(error, KAIROS_BAD_STATE, "libsvm model: lines follow after the %u announced support vectors", h.vectors);
  if (status == KAIROS_OK) model_adopt(model, &m);
  else machine_free(&m, model->host);
  return status;
}

kairos_status libsvm_import(kairos_model *model, const kairos_reader *reader, kairos_error *error) {
  struct text t;
  kairos_status status = text_read(&t, model->host, reader, "libsvm model", error);
  if (status == KAIROS_OK && t.bytes[t.size - 1] != '\n')
    status = refuse(error, KAIROS_BAD_STATE, "libsvm model: its last line has no end, so it is cut off");
  if (status == KAIROS_OK) status = read_text(model, &t, error);
  text_free(&t, model->host);
  return status;
}
