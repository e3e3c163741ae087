/* helper: kit; libraries: plugin_goal_parts */
/* Which way of setting goals is worth its cost? The goal_setter's three methods, a fixed goal, no goal, and a PPO-class learner, on the
 * same simulated people behind the same safeguards. Prints a learning curve for each seed, then a table with differences within people.
 *
 *   goal_policies [--steps N] [--seeds S] [--people P]     (1 000 000 weeks of training, 5 seeds, 1 000 people) */
#include "goal_people.h"
#include "goal_setter.h"
#include "ppo.h"
#include <stdio.h>
#include <stdlib.h>

enum policy { NO_GOAL, FIXED, FACTOR, PERCENTILE, POSTERIOR, LEARNED, POLICIES };
static const char *const names[] = {"no goal", "fixed", "factor", "percentile", "posterior", "ppo"};
#define EPISODES    64 /* a learner's rollouts */
#define TEST_PEOPLE UINT64_C(1000000000)

static struct proposing proposing;
static struct settings settings[POLICIES];

static void read_settings(void) {
  static const char *const configs[POLICIES] = {[FACTOR] = "{\"inputs\":[\"a\",\"b\"],\"explore\":0,\"method\":\"factor\"}",
                                                [PERCENTILE] = "{\"inputs\":[\"a\",\"b\"],\"explore\":0,\"method\":\"percentile\"}",
                                                [POSTERIOR] = "{\"inputs\":[\"a\",\"b\"],\"explore\":0}"};
  kairos_error error = {.size = sizeof error};
  for (int k = FACTOR; k <= POSTERIOR; k++)
    if (settings_read(&settings[k], configs[k], &error) != KAIROS_OK) {
      fprintf(stderr, "%s\n", error.message);
      exit(1);
    }
}

static double ask_plugin(enum policy which, const struct person *p, double before) {
  struct goal_day days[28];
  struct proposal said;
  const int from = p->day > 28 ? p->day - 28 : 0;
  for (int d = 0; d < 28; d++) {
    const int at = from + d;
    const bool there = at < p->day;
    days[d] = (struct goal_day){there ? p->goals[at] * 1000 : (double)__builtin_nan(""), there ? p->seen[at] * 1000 : __builtin_nan("")};
  }
  proposing.settings = &settings[which];
  return propose(&proposing, days, 28, 1, &said) ? said.goal / 1000 : before;
}

static double usual(const struct person *p) {
  double values[PEOPLE_QUIET * 7];
  uint32_t count = 0;
  for (int d = 0; d < PEOPLE_QUIET * 7; d++)
    if (p->seen[d] == p->seen[d]) values[count++] = p->seen[d];
  return simple_percentile(values, count, 0.5);
}

static void look(const struct person *p, double start, double before, double *input) {
  double mean = 0, square = 0, hits = 0, month = 0;
  int seen = 0, days = 0;
  for (int d = p->day - 7; d < p->day; d++) {
    if (p->seen[d] != p->seen[d]) continue;
    seen++;
    mean += p->seen[d];
    square += p->seen[d] * p->seen[d];
    hits += p->seen[d] >= before;
  }
  for (int d = p->day > 28 ? p->day - 28 : 0; d < p->day; d++)
    if (p->seen[d] == p->seen[d]) days++, month += p->seen[d] >= before;
  mean = seen ? mean / seen : start;
  const double variance = seen ? square / seen - mean * mean : 0;
  const double values[PPO_INPUTS] = {mean / 10,
                                     math_sqrt(variance > 0 ? variance : 0),
                                     before / 10,
                                     before / (mean + 0.1) - 1,
                                     seen ? hits / seen : 0.5,
                                     days ? month / days : 0.5,
                                     start / 10,
                                     (double)p->day / PEOPLE_DAYS};
  memcpy(input, values, sizeof values);
}

static double learned(struct ppo *ppo, const struct person *p, double start, double before, struct ppo_sample *s, bool draw) {
  static const double factors[PPO_ACTIONS] = {0.9, 0.95, 1, 1.05, 1.1};
  look(p, start, before, s->input);
  return before * factors[ppo_act(ppo, s, draw)];
}

struct life {
  double reward, steps, hits;
};

static struct life live(enum policy which, struct ppo *ppo, uint64_t seed) {
  struct person p = person_born(seed);
  struct life life = {0};
  const double start = usual(&p);
  double before = goal_allowed(start, start * 1.05);
  for (int w = 0; w < PEOPLE_WEEKS; w++) {
    struct ppo_sample s;
    double goal = before;
    if (which == LEARNED) goal = learned(ppo, &p, start, before, &s, false);
    else if (w > 0 && which >= FACTOR) goal = ask_plugin(which, &p, before);
    goal = w == 0 && which != LEARNED ? before : goal_allowed(before, goal);
    life.reward += person_week(&p, which == NO_GOAL ? (double)__builtin_nan("") : goal) / PEOPLE_WEEKS;
    for (int d = p.day - 7; d < p.day; d++) {
      life.steps += p.done[d] * 1000 / (PEOPLE_WEEKS * 7);
      life.hits += p.done[d] >= goal ? 1.0 / (PEOPLE_WEEKS * 7) : 0;
    }
    before = goal;
  }
  return life;
}

static double test_reward(struct ppo *ppo, int people) {
  double sum = 0;
  for (int i = 0; i < people; i++) sum += live(LEARNED, ppo, TEST_PEOPLE / 2 + (uint64_t)i).reward;
  return sum / people;
}

static void train(struct ppo *ppo, uint64_t seed, long steps, int people) {
  static struct ppo_sample samples[EPISODES * PEOPLE_WEEKS];
  static int order[EPISODES * PEOPLE_WEEKS];
  const long report = steps / 10;
  uint64_t born = seed * 10000019;
  ppo_new(ppo, seed);
  printf("seed %llu: 0 %.4f", (unsigned long long)seed, test_reward(ppo, people));
  for (long done = 0, next = report; done < steps;) {
    for (int e = 0; e < EPISODES; e++) {
      struct person p = person_born(born++);
      const double start = usual(&p);
      double before = goal_allowed(start, start * 1.05);
      for (int w = 0; w < PEOPLE_WEEKS; w++) {
        struct ppo_sample *s = &samples[e * PEOPLE_WEEKS + w];
        before = goal_allowed(before, learned(ppo, &p, start, before, s, true));
        s->reward = person_week(&p, before);
        s->last = w == PEOPLE_WEEKS - 1;
      }
    }
    ppo_learn(ppo, samples, EPISODES * PEOPLE_WEEKS, order);
    done += EPISODES * PEOPLE_WEEKS;
    if (done < next) continue;
    printf(" | %ld %.4f", done, test_reward(ppo, people));
    fflush(stdout);
    next += report;
  }
  printf("\n");
}

static void print_row(const char *name, const struct life *lives, const struct life *against, int people) {
  struct life mean = {0};
  double off = 0, spread = 0;
  for (int i = 0; i < people; i++) {
    mean.reward += lives[i].reward / people;
    mean.steps += lives[i].steps / people;
    mean.hits += lives[i].hits / people;
    off += (lives[i].reward - against[i].reward) / people;
  }
  for (int i = 0; i < people; i++) {
    const double d = lives[i].reward - against[i].reward - off;
    spread += d * d / people;
  }
  printf("| %s | %.0f | %.2f | %.4f | %+.4f ± %.4f |\n", name, mean.steps, mean.hits, mean.reward, off, 1.96 * math_sqrt(spread / people));
}

int main(int argc, char **argv) {
  long steps = 1000000, seeds = 5, people = 1000;
  static struct ppo ppo;
  for (int i = 1; i + 1 < argc; i += 2) {
    long *to = strcmp(argv[i], "--steps") == 0    ? &steps
               : strcmp(argv[i], "--seeds") == 0  ? &seeds
               : strcmp(argv[i], "--people") == 0 ? &people
                                                  : NULL;
    if (!to || (*to = atol(argv[i + 1])) < 1 || *to > 100000000) {
      fprintf(stderr, "expected --steps, --seeds or --people and a number\n");
      return 2;
    }
  }
  read_settings();
  struct life *lives = calloc((size_t)(POLICIES + seeds) * (size_t)people, sizeof *lives);
  if (!lives) return 1;
  printf("learning curves: weeks of training and mean reward of %ld people\n", people / 5 + 1);
  for (int k = 0; k < LEARNED; k++)
    for (int i = 0; i < people; i++) lives[k * people + i] = live((enum policy)k, NULL, TEST_PEOPLE + (uint64_t)i);
  for (int s = 0; s < seeds; s++) {
    train(&ppo, (uint64_t)s + 1, steps, (int)(people / 5 + 1));
    for (int i = 0; i < people; i++) lives[(LEARNED + s) * people + i] = live(LEARNED, &ppo, TEST_PEOPLE + (uint64_t)i);
  }
  printf("\n| policy | steps a day | goals met | reward | against posterior |\n|---|---|---|---|---|\n");
  const struct life *against = lives + POSTERIOR * people;
  for (int k = 0; k < LEARNED; k++) print_row(names[k], lives + k * people, against, (int)people);
  for (int s = 0; s < seeds; s++) {
    char name[32];
    snprintf(name, sizeof name, "%s, seed %d", names[LEARNED], s + 1);
    print_row(name, lives + (LEARNED + s) * people, against, (int)people);
  }
  free(lives);
  return 0;
}
