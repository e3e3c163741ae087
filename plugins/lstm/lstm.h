/* lstm: a recurrent network over windows of steps, private to its folder.
 *   steps × inputs -> LSTM … -> (dropout) -> LSTM, last step -> dense ReLU … -> one probability
 *   i = s(z_i)  f = s(z_f)  g = tanh(z_g)  o = s(z_o)   z = W x + U h + b    c = f c + i g    h = o tanh(c)    s(z) = 1/(1 + e^-z)
 * Weights stand in two orders: *canonical*, doubles one after the other as PyTorch has them (rows i, f, g, o; one bias), in which they are
 * saved, imported and exported; and *packed*, as a kernel wants them. */
#ifndef KAIROS_LSTM_H
#define KAIROS_LSTM_H
#include "common/shape.h"

#define LSTM_INPUTS_MOST  256
#define LSTM_STEPS_MOST   512
#define LSTM_LAYERS_MOST  4
#define LSTM_DENSE_MOST   4
#define LSTM_RECALL_MOST  65536
#define LSTM_ROWS_MOST    24 /* of one call of a kernel */
#define LSTM_UNITS_MOST   512
#define LSTM_WEIGHTS_MOST 4000000
#define LSTM_FILE_MOST    (UINT64_C(64) << 20)
#define LSTM_NUMBER_MOST  1e6 /* no weight beyond: sums of products stay finite */
#define STEPS_AT_ONCE     32  /* projected by one product when predicting */

/* ---- settings ---- */

struct settings {
  struct shape shape; /* every input is a window of `steps` */
  uint32_t steps;
  uint32_t lstm_count, dense_count;
  uint32_t lstm[LSTM_LAYERS_MOST], dense[LSTM_DENSE_MOST];
  uint32_t least_steps; /* known ones, for an answer */
  bool flags;           /* one more input a feature: 1 where it is missing */
  bool exact;           /* doubles throughout */
  bool standardise;     /* in training; otherwise inputs are taken as they are */
  uint32_t recall;      /* windows whose beginnings a session keeps; 0: none */
  double dropout;       /* between LSTM layers, in training */
  double rate, epsilon, clip, validation;
  uint32_t epochs, batch, patience, least_people, least_outcomes;
  uint64_t seed;
};
/* Reads the configuration; what it holds is then the caller's to give back with settings_free. [build] */
kairos_status settings_read(struct settings *s, const kairos_host *host, const char *config_json, kairos_error *error);
void settings_free(struct settings *s, const kairos_host *host);

/* ---- the plan: where everything stands ---- */

/* Columns of an LSTM layer are gate · hidden16 + unit, hidden16 being hidden rounded up to 16; what is added stays 0 for ever. */
struct lstm_layer {
  uint32_t inputs, hidden, inputs16, hidden16;
  uint32_t stride;               /* between two rows of what comes in */
  size_t w, u, b;                /* packed: [tile][inputs][64], [tile][hidden][64], [4 hidden16] */
  size_t back_w, back_u;         /* transposed: [4 hidden16][inputs16], [4 hidden16][hidden16]; back_w not in the first layer */
  size_t from_w, from_u, from_b; /* canonical: [4 hidden][inputs], [4 hidden][hidden], [4 hidden] */
};
struct dense_layer { /* the last one has one output and no ReLU */
  uint32_t inputs, outputs, inputs16, outputs16;
  size_t w, b;           /* packed: [inputs][outputs16], [outputs16] */
  size_t back_w;         /* transposed: [outputs][inputs16] */
  size_t from_w, from_b; /* canonical: [outputs][inputs], [outputs] */
};
struct plan {
  uint32_t steps, features; /* features: of a step, flags included */
  uint32_t lstm_count, dense_count;
  struct lstm_layer lstm[LSTM_LAYERS_MOST];
  struct dense_layer dense[LSTM_DENSE_MOST + 1];
  size_t canonical, packed, transposed; /* numbers in all */
};
struct plan plan_of(const struct settings *s);

/* Everything that one call works in: one block, whose parts begin at multiples of 64 bytes. */
struct lstm_work {
  void *z, *h;                /* [steps][rows][4 hidden16], [steps][rows][hidden16] */
  void *c, *tanh_c, *dropped; /* learning: as h, of every step; predicting: c of one step only */
  unsigned char *kept;        /* learning, dropout: of `dropped` */
};
struct workspace {
  void *block;
  size_t size;
  uint32_t rows;
  bool learning;
  void *x;                /* [steps][rows][features] */
  unsigned char *present; /* [steps][rows]: at least one feature is known */
  uint32_t *known;        /* [rows]: steps present */
  struct lstm_work lstm[LSTM_LAYERS_MOST];
  void *dense[LSTM_DENSE_MOST + 2]; /* what goes into each dense layer, and the logits */
  double *logits, *targets;         /* [rows] */
  /* learning */
  void *weights, *transposed, *gradient, *momentum, *square;
  void *in_gradient;     /* [steps][rows][widest]: of what came into a layer */
  void *dh, *dc, *carry; /* [rows][widest] */
  void *dense_gradient[2];
};
struct kernels;
/* Zeroed. False: no memory. [build] [train] [predict] */
bool workspace_new(struct workspace *w, const kairos_host *host, const struct plan *p, const struct kernels *k, uint32_t rows,
                   bool learning);
void workspace_free(struct workspace *w, const kairos_host *host);

/* ---- kernels ---- */

struct scaling { /* of each input: (value - mean) · factor */
  const double *mean, *factor;
  uint32_t inputs;
  bool flags;
};
struct adam {
  double rate, first, second, epsilon, clip; /* first, second: what is kept of the moments */
  double first_power, second_power;          /* first^t, second^t */
};
struct lesson {
  const struct plan *plan;
  struct workspace *work;
  double dropout;
  uint64_t chance; /* moves on with every draw */
};
struct kernels {
  const char *name;
  size_t real_size;
  uint32_t rows; /* a call of predict or learn takes at most so many */
  void (*pack)(const struct plan *p, const double *canonical, void *packed);
  void (*unpack)(const struct plan *p, const void *packed, double *canonical);
  /* Rows of a batch into w->x, w->present and w->known: row i is rows[i], or first + i when rows is NULL. */
  void (*gather)(const struct plan *p, const struct scaling *s, const kairos_batch *in, const uint32_t *rows, uint32_t first,
                 uint32_t count, struct workspace *w);
  void (*predict)(const struct plan *p, const void *packed, struct workspace *w, uint32_t count); /* into w->logits */
  /* The same in pieces: the steps from `begin` to before `end`; up to the last step w->logits are written. Where it begins later, each
   * layer's c and its h of the step before are in their places (recall.c). */
  void (*forward)(const struct plan *p, const void *packed, struct workspace *w, uint32_t count, uint32_t begin, uint32_t end);
  /* Adds the gradient of share · sum of the rows' losses to w->gradient, by w->targets; gives the sum of the losses. */
  double (*learn)(struct lesson *l, uint32_t count, double share);
  double (*step)(struct lesson *l, const struct adam *a); /* moves w->weights, clears the gradient; gives its norm before clipping */
  void (*transpose)(const struct plan *p, struct workspace *w);
};
/* The best for this machine; with `exact` the one of doubles. [any] */
const struct kernels *kernels_choose(bool exact);
/* NULL where this build or this machine has none: by number from 0, for tests. */
const struct kernels *kernels_list(size_t number);
#define KERNELS_COUNT 4
/* The variants' tables; NULL where the compiler does not know the machine. */
extern const struct kernels *const kernels_wide, *const kernels_half, *const kernels_portable, *const kernels_exact;

/* ---- numbers that must be the same on every machine ---- */

double number_exp(double x);                     /* |x| up to 700, within 2 units in the last place */
double number_sigmoid(double x);                 /* within 3e-16 */
double number_loss(double logit, double target); /* of a probability against 0 … 1: cross entropy, from the logit */
uint64_t number_draw(uint64_t *state);           /* SplitMix64 */
double number_unit(uint64_t *state);             /* 53 bits, from 0 to below 1 */

/* ---- the model ---- */

struct network { /* weights with what belongs to them: one block */
  uint32_t inputs;
  uint32_t rows, epochs; /* trained on; 0 when imported */
  double *mean, *factor; /* [inputs] */
  double *weights;       /* canonical */
  void *packed;          /* for the model's kernels; 64-byte aligned */
  void *block;
  size_t size;
};
/* Zeroed, factors 1. False: no memory. [build] [train] */
bool network_new(struct network *n, const kairos_host *host, const struct plan *p, const struct kernels *k, uint32_t inputs);
void network_free(struct network *n, const kairos_host *host);

struct kairos_model {
  const kairos_host *host;
  struct settings settings;
  struct plan plan;
  const struct kernels *kernels;
  bool trained;
  uint64_t adopted;       /* how many weights it has had */
  struct network network; /* only when trained */
};
/* Takes the weights (rounded to what the kernels compute with) and packs them; the old ones are freed. [build] [train] */
void model_adopt(kairos_model *model, struct network *network);
struct scaling model_scaling(const kairos_model *model, const struct network *n);

/* What the layers held before the last step of windows that were asked about; recall.c. */
struct recall {
  unsigned char *block;         /* entries, one after the other; NULL: nothing is kept */
  uint64_t *keys;               /* of each entry, 0: it is empty */
  unsigned char *window;        /* one row's steps before the last */
  size_t entry, prefix, places; /* bytes of an entry, and of the window in it; entries */
  uint64_t adopted;             /* of which weights: the model's */
  uint32_t turn;
};
/* Without memory nothing is kept, and every window is worked out whole. [predict] */
void recall_open(struct recall *r, const kairos_host *host, const kairos_model *model);
void recall_close(struct recall *r, const kairos_host *host);
/* Other weights hold other things: all is forgotten when the model has new ones. */
void recall_check(struct recall *r, const kairos_model *model);
/* The entry of a gathered row's window; NULL: none. */
const unsigned char *recall_find(struct recall *r, const kairos_model *model, const struct workspace *w, uint32_t row, uint32_t count);
/* What an entry holds becomes what the layers hold of that row, and the other way round after all steps but the last. */
void recall_restore(const struct recall *r, const kairos_model *model, const struct workspace *w, uint32_t row, uint32_t count,
                    const unsigned char *entry);
void recall_keep(struct recall *r, const kairos_model *model, const struct workspace *w, uint32_t row, uint32_t count);

struct kairos_session {
  const kairos_host *host;
  uint32_t rows_most;
  struct workspace work;
  struct recall recall;
};

kairos_status lstm_predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                           kairos_error *error);
kairos_status lstm_train(kairos_model *model, const kairos_batch *x, const kairos_batch *y, kairos_error *error);
kairos_status state_load(kairos_model *model, const kairos_reader *reader, uint32_t version, kairos_error *error);
kairos_status state_save(const kairos_model *model, const kairos_writer *writer, kairos_error *error);
/* safetensors: PyTorch's names and order, and Keras'. */
kairos_status pytorch_import(kairos_model *model, const kairos_reader *reader, kairos_error *error);
kairos_status keras_import(kairos_model *model, const kairos_reader *reader, kairos_error *error);
kairos_status pytorch_export(const kairos_model *model, const kairos_writer *writer, kairos_error *error);
kairos_status keras_export(const kairos_model *model, const kairos_writer *writer, kairos_error *error);

/* A weight, a mean, a factor. */
static inline bool number_usable(double value) {
  return value - value == 0 && value >= -LSTM_NUMBER_MOST && value <= LSTM_NUMBER_MOST;
}

#endif
