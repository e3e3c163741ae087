/* Training of an lstm: rows are chosen, people held out, inputs standardised, and epochs of Adam run until the held-out people's log loss
 * stops falling; the weights of the best epoch are kept. Promises the same bytes for the same table, configuration and machine or any
 * other, and a model left alone unless everything worked: too few people, too few of the rarer outcome, inputs that are all constant,
 * weights that ran away, and a network that predicts people it has not seen no better than the base rate are refused with a sentence.
 * [train] */
#include "common/memory.h"
#include "common/progress.h"
#include "common/refuse.h"
#include "lstm.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct course {
  const struct settings *settings;
  const struct plan *plan;
  const struct kernels *kernels;
  const kairos_host *host;
  const kairos_batch *x, *y;
  uint32_t room, count, fit; /* rows[0..fit) are learned from, rows[fit..count) are held out */
  uint32_t *rows;
  uint64_t *people; /* [room] of the batch's rows, then sorted */
  struct network network;
  struct workspace work;
  void *best; /* packed weights of the best epoch */
  struct lesson lesson;
  struct adam adam;
  uint64_t chance;   /* order of the rows */
  double base_logit; /* of the outcome's share among the rows learned from */
};

/* What an epoch is worth on the rows held out. */
struct verdict {
  double loss, base; /* mean log loss; that of the base rate alone */
  double error;      /* standard error of their difference */
};

/* ---- rows ---- */

static bool value_of(const kairos_column *column, size_t index, double *value) {
  *value = ((const double *)column->data)[index];
  return (!column->valid || (column->valid[index / 64] >> (index % 64) & 1)) && *value - *value == 0;
}

static double target_of(const struct course *c, uint32_t row) {
  double value;
  value_of(c->y->columns[0], row, &value);
  return value;
}

static uint64_t person_of(const struct course *c, uint32_t row) {
  return c->x->seeds ? c->x->seeds[row] : row;
}

/* By a hash that is not the one by which the engine chose its test users: they are not in the table. */
static bool held_out(const struct course *c, uint32_t row) {
  uint64_t state = person_of(c, row) ^ (2 * c->settings->seed + 1) * UINT64_C(0xD6E8FEB86659FD93);
  return number_unit(&state) < c->settings->validation;
}

static uint32_t known_steps(const struct course *c, uint32_t row) {
  uint32_t known = 0;
  double value;
  for (uint32_t t = 0; t < c->settings->steps; t++)
    for (uint32_t i = 0; i < c->x->column_count; i++)
      if (value_of(c->x->columns[i], (size_t)row * c->settings->steps + t, &value)) {
        known++;
        break;
      }
  return known;
}

/* A row counts with a target and enough known steps. Learned from first, held out behind; each in the order of the table. */
static kairos_status choose_rows(struct course *c, kairos_error *error) {
  double target;
  for (int pass = 0; pass < 2; pass++) {
    for (uint32_t row = 0; row < c->x->rows; row++) {
      if (held_out(c, row) != (pass == 1) || !value_of(c->y->columns[0], row, &target)) continue;
      if (target < 0 || target > 1)
        return refuse(error, KAIROS_BAD_INPUT, "lstm: row %u: its target is %g, expected a probability or 0 or 1", row, target);
      if (known_steps(c, row) < c->settings->least_steps) continue;
      c->people[c->count] = person_of(c, row);
      c->rows[c->count++] = row;
    }
    if (pass == 0) c->fit = c->count;
  }
  return KAIROS_OK;
}

static int by_number(const void *a, const void *b) {
  uint64_t x, y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return x < y ? -1 : x > y;
}

static uint32_t count_people(struct course *c) {
  uint32_t people = 0;
  qsort(c->people, c->count, sizeof *c->people, by_number);
  for (uint32_t i = 0; i < c->count; i++) people += i == 0 || c->people[i] != c->people[i - 1];
  return people;
}

static uint32_t count_positive(const struct course *c, uint32_t from, uint32_t to) {
  uint32_t positive = 0;
  for (uint32_t i = from; i < to; i++) positive += target_of(c, c->rows[i]) >= 0.5;
  return positive;
}

static kairos_status check_rows(struct course *c, kairos_error *error) {
  const struct settings *s = c->settings;
  const uint32_t people = count_people(c), positive = count_positive(c, 0, c->count), negative = c->count - positive;
  const uint32_t rarer = positive < negative ? positive : negative;
  if (c->count > 0 && rarer == 0)
    return refuse(error, KAIROS_BAD_INPUT, "lstm: all %u rows have the same outcome, so there is nothing to tell apart", c->count);
  if (people < s->least_people || rarer < s->least_outcomes)
    return refuse(error, KAIROS_BAD_INPUT,
                  "lstm: too little to learn from: %u rows of %u people, the rarer outcome in %u; expected at least %u people and %u of it",
                  c->count, people, rarer, s->least_people, s->least_outcomes);
  const uint32_t held = count_positive(c, c->fit, c->count), fit = positive - held;
  if (held == 0 || held == c->count - c->fit || fit == 0 || fit == c->fit)
    return refuse(error, KAIROS_BAD_INPUT,
                  "lstm: of the %u rows held out %u have the outcome, of the %u others %u: expected both outcomes on both sides",
                  c->count - c->fit, held, c->fit, fit);
  return KAIROS_OK;
}

/* ---- inputs ---- */

/* Mean and population deviation of one input over the steps that have it; no deviation becomes 1. True: it varies. */
static bool measure(const struct course *c, uint32_t input, double *mean, double *factor) {
  const uint32_t steps = c->settings->steps;
  double value, sum = 0, squares = 0, n = 0, least = INFINITY, most = -INFINITY;
  for (int pass = 0; pass < 2; pass++) {
    for (uint32_t i = 0; i < c->fit; i++)
      for (uint32_t t = 0; t < steps; t++) {
        if (!value_of(c->x->columns[input], (size_t)c->rows[i] * steps + t, &value)) continue;
        if (pass == 1) squares += (value - *mean) * (value - *mean);
        if (pass == 1) continue;
        sum += value;
        n += 1;
        least = value < least ? value : least;
        most = value > most ? value : most;
      }
    if (pass == 0) *mean = n > 0 ? sum / n : 0;
  }
  const double deviation = least < most ? sqrt(squares / n) : 0;
  *factor = deviation > 0 && 1 / deviation - 1 / deviation == 0 ? 1 / deviation : 1;
  return least < most;
}

static kairos_status standardise(struct course *c, kairos_error *error) {
  bool any = false;
  for (uint32_t i = 0; i < c->x->column_count; i++) {
    double mean = 0, factor = 1;
    any = measure(c, i, &mean, &factor) || any;
    if (mean - mean != 0) return refuse(error, KAIROS_BAD_INPUT, "lstm: input %u: its values are too large to add up", i);
    if (!c->settings->standardise) continue;
    c->network.mean[i] = mean;
    c->network.factor[i] = factor;
  }
  if (any) return KAIROS_OK;
  return refuse(error, KAIROS_BAD_INPUT, "lstm: every input is constant over all rows, so there is nothing to learn from");
}

/* ---- weights ---- */

static void draw(double *to, size_t count, double most, uint64_t *chance) {
  for (size_t i = 0; i < count; i++) to[i] = (2 * number_unit(chance) - 1) * most;
}

/* Uniform within 1 / sqrt(units), as PyTorch; the forget gates' biases 1 more, so that a new network remembers. */
static void begin_weights(struct course *c, uint64_t *chance) {
  double *w = c->network.weights;
  for (uint32_t i = 0; i < c->plan->lstm_count; i++) {
    const struct lstm_layer *l = &c->plan->lstm[i];
    const double most = 1 / sqrt((double)l->hidden);
    const size_t rows = 4 * (size_t)l->hidden;
    draw(w + l->from_w, rows * l->inputs, most, chance);
    draw(w + l->from_u, rows * l->hidden, most, chance);
    draw(w + l->from_b, rows, most, chance);
    for (uint32_t u = 0; u < l->hidden; u++) w[l->from_b + l->hidden + u] += 1;
  }
  for (uint32_t i = 0; i < c->plan->dense_count; i++) {
    const struct dense_layer *d = &c->plan->dense[i];
    const double most = 1 / sqrt((double)d->inputs);
    draw(w + d->from_w, (size_t)d->outputs * d->inputs, most, chance);
    draw(w + d->from_b, d->outputs, most, chance);
  }
  c->kernels->pack(c->plan, w, c->work.weights);
  c->kernels->transpose(c->plan, &c->work);
}

/* ---- epochs ---- */

static void load_rows(struct course *c, uint32_t first, uint32_t count) {
  const struct scaling scaling = {c->network.mean, c->network.factor, c->network.inputs, c->settings->flags};
  c->kernels->gather(c->plan, &scaling, c->x, c->rows + first, 0, count, &c->work);
  for (uint32_t r = 0; r < count; r++) c->work.targets[r] = target_of(c, c->rows[first + r]);
}

static void shuffle(struct course *c) {
  for (uint32_t i = c->fit; i > 1; i--) {
    const uint32_t k = (uint32_t)(number_unit(&c->chance) * i), kept = c->rows[i - 1];
    c->rows[i - 1] = c->rows[k];
    c->rows[k] = kept;
  }
}

/* One batch; false: cancelled. */
static bool learn_batch(struct course *c, uint32_t first, uint32_t count, double *loss) {
  for (uint32_t done = 0, some; done < count; done += some) {
    some = count - done < c->work.rows ? count - done : c->work.rows;
    if (c->host->cancelled(c->host)) return false;
    load_rows(c, first + done, some);
    *loss += c->kernels->learn(&c->lesson, some, 1.0 / count);
  }
  c->adam.first_power *= c->adam.first;
  c->adam.second_power *= c->adam.second;
  c->kernels->step(&c->lesson, &c->adam);
  return true;
}

/* The logit of the outcome's share among the rows that are learned from. */
static double share_logit(const struct course *c) {
  double share = 0, low = -40, high = 40;
  for (uint32_t i = 0; i < c->fit; i++) share += target_of(c, c->rows[i]);
  share /= c->fit;
  for (int i = 0; i < 60; i++) {
    const double middle = (low + high) / 2;
    if (number_sigmoid(middle) < share) low = middle;
    else high = middle;
  }
  return low;
}

/* False: cancelled. */
static bool judge(struct course *c, struct verdict *v) {
  const double n = c->count - c->fit;
  double loss = 0, base = 0, squares = 0;
  for (uint32_t first = c->fit, some; first < c->count; first += some) {
    some = c->count - first < c->work.rows ? c->count - first : c->work.rows;
    if (c->host->cancelled(c->host)) return false;
    load_rows(c, first, some);
    c->kernels->predict(c->plan, c->work.weights, &c->work, some);
    for (uint32_t r = 0; r < some; r++) {
      const double one_loss = number_loss(c->work.logits[r], c->work.targets[r]);
      const double one_base = number_loss(c->base_logit, c->work.targets[r]);
      loss += one_loss;
      base += one_base;
      squares += (one_base - one_loss) * (one_base - one_loss);
    }
  }
  const double gain = (base - loss) / n, variance = squares / n - gain * gain;
  *v = (struct verdict){loss / n, base / n, sqrt((variance > 0 ? variance : 0) / n)};
  return true;
}

static kairos_status run_epochs(struct course *c, struct verdict *best, kairos_error *error) {
  const size_t size = c->plan->packed * c->kernels->real_size;
  char note[160];
  c->base_logit = share_logit(c);
  *best = (struct verdict){.loss = INFINITY};
  for (uint32_t epoch = 1; epoch <= c->settings->epochs && epoch - c->network.epochs <= c->settings->patience; epoch++) {
    double loss = 0;
    struct verdict held;
    bool going = true;
    shuffle(c);
    for (uint32_t first = 0, some; going && first < c->fit; first += some) {
      some = c->fit - first < c->settings->batch ? c->fit - first : c->settings->batch;
      going = learn_batch(c, first, some, &loss);
    }
    if (!going || !judge(c, &held)) return refuse(error, KAIROS_CANCELLED, "lstm: training was cancelled in epoch %u", epoch);
    if (held.loss < best->loss) {
      *best = held;
      c->network.epochs = epoch;
      memcpy(c->best, c->work.weights, size);
    }
    snprintf(note, sizeof note, "epoch %u of at most %u: log loss %.4f, of people held out %.4f; best %.4f in epoch %u", epoch,
             c->settings->epochs, loss / c->fit, held.loss, best->loss, c->network.epochs);
    progress_report(c->host, (double)epoch / c->settings->epochs, note);
  }
  return KAIROS_OK;
}

static kairos_status finish(struct course *c, kairos_model *model, const struct verdict *best, kairos_error *error) {
  if (c->network.epochs == 0)
    return refuse(error, KAIROS_FAILED, "lstm: the weights ran away in the first epoch; try a smaller learning_rate than %g",
                  c->settings->rate);
  if (!(best->base - best->loss > 2 * best->error))
    return refuse(error, KAIROS_FAILED,
                  "lstm: it learned nothing: log loss %.4f on %u rows of people held out; the base rate alone has %.4f, and chance makes "
                  "%.4f of difference",
                  best->loss, c->count - c->fit, best->base, 2 * best->error);
  c->kernels->unpack(c->plan, c->best, c->network.weights);
  for (size_t i = 0; i < c->plan->canonical; i++)
    if (!number_usable(c->network.weights[i]))
      return refuse(error, KAIROS_FAILED, "lstm: weight %zu ran away; try a smaller learning_rate than %g", i, c->settings->rate);
  c->network.rows = c->fit;
  model_adopt(model, &c->network);
  c->network = (struct network){0};
  return KAIROS_OK;
}

/* ---- the whole ---- */

static bool course_new(struct course *c, const kairos_model *model, const kairos_batch *x, const kairos_batch *y) {
  const struct settings *s = &model->settings;
  *c = (struct course){
      .settings = s, .plan = &model->plan, .kernels = model->kernels, .host = model->host, .x = x, .y = y, .room = x->rows ? x->rows : 1};
  const uint32_t rows = s->batch < c->kernels->rows ? s->batch : c->kernels->rows;
  uint64_t chance = s->seed;
  c->rows = memory_take(c->host, c->room, sizeof *c->rows);
  c->people = memory_take(c->host, c->room, sizeof *c->people);
  c->best = memory_take(c->host, c->plan->packed, c->kernels->real_size);
  if (!c->rows || !c->people || !c->best || !network_new(&c->network, c->host, c->plan, c->kernels, s->shape.input_count) ||
      !workspace_new(&c->work, c->host, c->plan, c->kernels, rows, true))
    return false;
  c->adam = (struct adam){s->rate, 0.9, 0.999, s->epsilon, s->clip, 1, 1};
  begin_weights(c, &chance);
  c->lesson = (struct lesson){c->plan, &c->work, s->dropout, number_draw(&chance)};
  c->chance = number_draw(&chance);
  return true;
}

static void course_free(struct course *c) {
  if (c->network.block) network_free(&c->network, c->host);
  if (c->work.block) workspace_free(&c->work, c->host);
  memory_give(c->host, c->best, c->plan->packed, c->kernels->real_size);
  memory_give(c->host, c->people, c->room, sizeof *c->people);
  memory_give(c->host, c->rows, c->room, sizeof *c->rows);
}

kairos_status lstm_train(kairos_model *model, const kairos_batch *x, const kairos_batch *y, kairos_error *error) {
  struct course c;
  struct verdict best;
  kairos_status status = shape_check_batch(&model->settings.shape, UINT32_MAX, x, y, error);
  if (status != KAIROS_OK) return status;
  if (course_new(&c, model, x, y)) {
    status = choose_rows(&c, error);
    if (status == KAIROS_OK) status = check_rows(&c, error);
    if (status == KAIROS_OK) status = standardise(&c, error);
    if (status == KAIROS_OK) status = run_epochs(&c, &best, error);
    if (status == KAIROS_OK) status = finish(&c, model, &best, error);
  } else {
    status = refuse(error, KAIROS_NO_MEMORY, "lstm: no memory to train on %u rows", x->rows);
  }
  course_free(&c);
  return status;
}
