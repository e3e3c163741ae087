/* Proximal policy optimisation, small and plain: an actor and a critic of two hidden layers, generalised advantages, clipped ratios, Adam.
 * Only for comparing: no plugin learns this way. Deterministic from its seed; one thread. */
#pragma once
#include "kit/math.h"
#include "kit/rng.h"
#include <stdint.h>
#include <string.h>

#define PPO_INPUTS  8
#define PPO_HIDDEN  32
#define PPO_ACTIONS 5
#define PPO_LAYERS  3

struct ppo_layer {
  int inputs, outputs;
  double w[PPO_HIDDEN * PPO_HIDDEN], b[PPO_HIDDEN];
};
struct ppo_net { /* tanh, tanh, linear */
  struct ppo_layer layers[PPO_LAYERS];
};
struct ppo_pass { /* what backward needs of forward */
  double at[PPO_LAYERS + 1][PPO_HIDDEN];
};
struct ppo_adam {
  struct ppo_net first, second;
  double step;
};
struct ppo {
  struct ppo_net actor, critic, actor_slope, critic_slope;
  struct ppo_adam actor_adam, critic_adam;
  struct rng rng;
};
struct ppo_sample {
  double input[PPO_INPUTS], log_probability, value, reward, advantage, target;
  int action;
  bool last;
};

static inline double ppo_tanh(double x) {
  const double e = math_exp(-2 * (x < 0 ? -x : x)), y = (1 - e) / (1 + e);
  return x < 0 ? -y : y;
}

static inline void ppo_net_new(struct ppo_net *n, int outputs, double last_scale, struct rng *r) {
  const int sizes[] = {PPO_INPUTS, PPO_HIDDEN, PPO_HIDDEN, outputs};
  memset(n, 0, sizeof *n);
  for (int l = 0; l < PPO_LAYERS; l++) {
    struct ppo_layer *y = &n->layers[l];
    y->inputs = sizes[l];
    y->outputs = sizes[l + 1];
    const double scale = (l == PPO_LAYERS - 1 ? last_scale : 1) / math_sqrt(sizes[l]);
    for (int i = 0; i < y->inputs * y->outputs; i++) y->w[i] = scale * rng_normal(r);
  }
}

static inline const double *ppo_forward(const struct ppo_net *n, const double *input, struct ppo_pass *p) {
  memcpy(p->at[0], input, PPO_INPUTS * sizeof *input);
  for (int l = 0; l < PPO_LAYERS; l++) {
    const struct ppo_layer *y = &n->layers[l];
    for (int o = 0; o < y->outputs; o++) {
      double sum = y->b[o];
      for (int i = 0; i < y->inputs; i++) sum += y->w[o * y->inputs + i] * p->at[l][i];
      p->at[l + 1][o] = l < PPO_LAYERS - 1 ? ppo_tanh(sum) : sum;
    }
  }
  return p->at[PPO_LAYERS];
}

/* Adds the slopes of a loss whose slope in the outputs is `d`. */
static inline void ppo_backward(const struct ppo_net *n, const struct ppo_pass *p, const double *d, struct ppo_net *slope) {
  double now[PPO_HIDDEN], below[PPO_HIDDEN];
  memcpy(now, d, (size_t)n->layers[PPO_LAYERS - 1].outputs * sizeof *d);
  for (int l = PPO_LAYERS - 1; l >= 0; l--) {
    const struct ppo_layer *y = &n->layers[l];
    struct ppo_layer *s = &slope->layers[l];
    memset(below, 0, sizeof below);
    for (int o = 0; o < y->outputs; o++) {
      s->b[o] += now[o];
      for (int i = 0; i < y->inputs; i++) {
        s->w[o * y->inputs + i] += now[o] * p->at[l][i];
        below[i] += now[o] * y->w[o * y->inputs + i];
      }
    }
    for (int i = 0; i < y->inputs; i++) now[i] = below[i] * (1 - p->at[l][i] * p->at[l][i]);
  }
}

static inline void ppo_adam_values(double *w, const double *g, double *m, double *v, int count, double rate, double scale, double step) {
  const double b1 = 1 - math_exp(step * math_log(0.9)), b2 = 1 - math_exp(step * math_log(0.999));
  for (int i = 0; i < count; i++) {
    const double slope = g[i] * scale;
    m[i] = 0.9 * m[i] + 0.1 * slope;
    v[i] = 0.999 * v[i] + 0.001 * slope * slope;
    w[i] -= rate * (m[i] / b1) / (math_sqrt(v[i] / b2) + 1e-8);
  }
}

static inline void ppo_adam(struct ppo_net *n, struct ppo_net *slope, struct ppo_adam *a, double rate, int samples) {
  a->step++;
  for (int l = 0; l < PPO_LAYERS; l++) {
    struct ppo_layer *y = &n->layers[l], *g = &slope->layers[l], *m = &a->first.layers[l], *v = &a->second.layers[l];
    ppo_adam_values(y->w, g->w, m->w, v->w, y->inputs * y->outputs, rate, 1.0 / samples, a->step);
    ppo_adam_values(y->b, g->b, m->b, v->b, y->outputs, rate, 1.0 / samples, a->step);
  }
  memset(slope, 0, sizeof *slope);
}

static inline void ppo_new(struct ppo *p, uint64_t seed) {
  memset(p, 0, sizeof *p);
  p->rng = rng_from(seed);
  ppo_net_new(&p->actor, PPO_ACTIONS, 0.01, &p->rng);
  ppo_net_new(&p->critic, 1, 1, &p->rng);
}

static inline void ppo_softmax(const double *logits, double *probability) {
  double most = logits[0], sum = 0;
  for (int k = 1; k < PPO_ACTIONS; k++) most = logits[k] > most ? logits[k] : most;
  for (int k = 0; k < PPO_ACTIONS; k++) sum += probability[k] = math_exp(logits[k] - most);
  for (int k = 0; k < PPO_ACTIONS; k++) probability[k] /= sum;
}

/* The action of most probability, or a drawn one. */
static inline int ppo_act(struct ppo *p, struct ppo_sample *s, bool draw) {
  struct ppo_pass pass;
  double probability[PPO_ACTIONS];
  ppo_softmax(ppo_forward(&p->actor, s->input, &pass), probability);
  int action = 0;
  if (draw) {
    double left = rng_uniform(&p->rng);
    while (action < PPO_ACTIONS - 1 && (left -= probability[action]) >= 0) action++;
  } else {
    for (int k = 1; k < PPO_ACTIONS; k++) action = probability[k] > probability[action] ? k : action;
  }
  s->action = action;
  s->log_probability = math_log(probability[action]);
  s->value = ppo_forward(&p->critic, s->input, &pass)[0];
  return action;
}

/* Episodes one after the other, each ended by `last`. */
static inline void ppo_advantages(struct ppo_sample *s, int count) {
  double mean = 0, spread = 0, ahead = 0;
  for (int i = count - 1; i >= 0; i--) {
    const double next = s[i].last ? 0 : s[i + 1].value;
    ahead = s[i].reward + 0.99 * next - s[i].value + (s[i].last ? 0 : 0.99 * 0.95 * ahead);
    s[i].advantage = ahead;
    s[i].target = ahead + s[i].value;
    mean += ahead / count;
  }
  for (int i = 0; i < count; i++) spread += (s[i].advantage - mean) * (s[i].advantage - mean) / count;
  for (int i = 0; i < count; i++) s[i].advantage = (s[i].advantage - mean) / (math_sqrt(spread) + 1e-8);
}

static inline void ppo_learn_sample(struct ppo *p, const struct ppo_sample *s) {
  struct ppo_pass pass;
  double probability[PPO_ACTIONS], d[PPO_ACTIONS], entropy = 0;
  ppo_softmax(ppo_forward(&p->actor, s->input, &pass), probability);
  const double ratio = math_exp(math_log(probability[s->action]) - s->log_probability);
  const bool clipped = s->advantage > 0 ? ratio > 1.2 : ratio < 0.8;
  for (int k = 0; k < PPO_ACTIONS; k++) entropy -= probability[k] * math_log(probability[k] + 1e-300);
  for (int k = 0; k < PPO_ACTIONS; k++) {
    const double gain = clipped ? 0 : s->advantage * ratio * ((k == s->action) - probability[k]);
    const double bonus = -probability[k] * (math_log(probability[k] + 1e-300) + entropy);
    d[k] = -gain - 0.01 * bonus;
  }
  ppo_backward(&p->actor, &pass, d, &p->actor_slope);
  d[0] = ppo_forward(&p->critic, s->input, &pass)[0] - s->target;
  ppo_backward(&p->critic, &pass, d, &p->critic_slope);
}

static inline void ppo_learn(struct ppo *p, struct ppo_sample *s, int count, int *order) {
  ppo_advantages(s, count);
  for (int i = 0; i < count; i++) order[i] = i;
  for (int epoch = 0; epoch < 4; epoch++) {
    for (int i = count - 1; i > 0; i--) {
      const int k = (int)(rng_uniform(&p->rng) * (i + 1)), moved = order[i];
      order[i] = order[k];
      order[k] = moved;
    }
    for (int begin = 0; begin < count; begin += 256) {
      const int end = begin + 256 < count ? begin + 256 : count;
      for (int i = begin; i < end; i++) ppo_learn_sample(p, &s[order[i]]);
      ppo_adam(&p->actor, &p->actor_slope, &p->actor_adam, 3e-4, end - begin);
      ppo_adam(&p->critic, &p->critic_slope, &p->critic_adam, 1e-3, end - begin);
    }
  }
}
