/* rooms: kit */
/* The reference simulators of METHODS 15 give the traces of tests/vectors/sim.json within 1e-9, and the returns and calibration that are
 * published there within three standard errors. */
#include "simulators.h"
#include "unit/vectors.h"

static struct vectors sim;

static int open_vectors(void **state) {
  (void)state;
  vectors_open(&sim, "sim.json");
  return 0;
}

static int close_vectors(void **state) {
  (void)state;
  vectors_close(&sim);
  return 0;
}

static double cell(uint32_t row, uint32_t column) {
  double value;
  if (!json_double(&sim.json, json_child(&sim.json, row, column), &value)) fail_msg("cell %u is no number", column);
  return value;
}

static void stepcount_trace(void **state) {
  (void)state;
  const uint32_t trace = vectors_at(&sim, "stepcount.trace");
  struct stepcount s = stepcount_begin(3);
  for (uint32_t i = 0; i < sim.json.tokens[trace].count; i++) {
    const uint32_t row = json_child(&sim.json, trace, i);
    double reward;
    const bool over = stepcount_step(&s, (int)cell(row, 0), &reward);
    assert_close(reward, cell(row, 1), 1e-7, "reward"); /* the file keeps 10 digits of up to 200 */
    assert_int_equal(over, cell(row, 2));
    assert_int_equal(s.context, cell(row, 3));
    assert_close(s.likely, cell(row, 4), 1e-9, "observation");
    assert_close(s.habituation, cell(row, 5), 1e-9, "habituation");
    assert_close(s.disengagement, cell(row, 6), 1e-9, "disengagement");
  }
}

enum { NEVER, GENERIC, ORACLE, INFERRED, EVERY_OTHER, POLICIES };

static int act(int policy, const struct stepcount *s) {
  switch (policy) {
  case NEVER: return 0;
  case GENERIC: return 1;
  case ORACLE: return 2 + s->context;
  case INFERRED: return 2 + (s->likely > 0.5);
  default: return s->t % 2 ? 0 : 2 + s->context;
  }
}

/* The same 300 episodes as the file's: they agree far closer than by chance. */
static void stepcount_returns(void **state) {
  (void)state;
  static const char *const names[] = {"never", "generic", "oracle", "inferred", "tailored_every_other"};
  for (int k = 0; k < POLICIES; k++) {
    double sum = 0;
    char path[100];
    for (uint64_t i = 0; i < 300; i++) {
      struct stepcount s = stepcount_begin(1000 + i);
      double reward;
      for (bool over = false; !over; sum += reward) over = stepcount_step(&s, act(k, &s), &reward);
    }
    size_t n;
    snprintf(path, sizeof path, "stepcount.mean_return_300eps.%s", names[k]);
    assert_close(sum / 300, vectors_list(&sim, path, &n)[0], 1e-6, names[k]);
  }
}

static double constant(int day, int slot, bool location, double burden) {
  (void)day;
  (void)slot;
  (void)location;
  (void)burden;
  return 0.4;
}
static double never(int day, int slot, bool location, double burden) {
  return 0 * constant(day, slot, location, burden);
}
static double often(int day, int slot, bool location, double burden) {
  return 1.5 * constant(day, slot, location, burden);
}

static void ksim_trace(void **state) {
  (void)state;
  const uint32_t trace = vectors_at(&sim, "ksim.trace");
  struct ksim k = ksim_begin(12345);
  bool gone = false;
  for (uint32_t i = 0; i < sim.json.tokens[trace].count; i++) {
    const uint32_t row = json_child(&sim.json, trace, i);
    assert_false(gone);
    if (k.slot == 0) ksim_morning(&k);
    assert_true(k.day == (int)cell(row, 0) && k.slot == (int)cell(row, 1));
    const struct ksim_slot s = ksim_live_slot(&k, constant);
    assert_true(s.location == (cell(row, 2) != 0) && s.available == (cell(row, 3) != 0) && s.sent == (cell(row, 5) != 0) &&
                s.workout == (cell(row, 6) != 0));
    assert_close(s.log_steps, cell(row, 7), 1e-9, "log steps");
    assert_close(k.habit, cell(row, 8), 1e-9, "habit");
    assert_close(k.motivation, cell(row, 9), 1e-9, "motivation");
    assert_close(k.habituation, cell(row, 10), 1e-9, "habituation");
    assert_close(k.burden, cell(row, 11), 1e-9, "burden");
    if (k.slot == KSIM_SLOTS) gone = ksim_evening(&k);
  }
}

static void ksim_calibration(void **state) {
  (void)state;
  static const struct {
    const char *name;
    double (*policy)(int, int, bool, double);
  } policies[] = {{"never", never}, {"p60", often}};
  for (size_t p = 0; p < 2; p++) {
    int left = 0, slots = 0, zero = 0, workouts = 0;
    char path[100];
    for (uint64_t i = 0; i < 400; i++) {
      struct ksim k = ksim_begin(50000 + i);
      bool gone = false;
      while (k.day < 42 && !gone) {
        ksim_morning(&k);
        for (int slot = 0; slot < KSIM_SLOTS; slot++, slots++) {
          const struct ksim_slot s = ksim_live_slot(&k, policies[p].policy);
          zero += s.log_steps < -0.6;
          workouts += s.workout;
        }
        gone = ksim_evening(&k);
      }
      left += gone;
    }
    snprintf(path, sizeof path, "ksim.calibration_400users_42d.%s.dropout42", policies[p].name);
    assert_close(left / 400.0, vectors_number(&sim, path), 1e-9, path);
    snprintf(path, sizeof path, "ksim.calibration_400users_42d.%s.zero_steps", policies[p].name);
    assert_close((double)zero / slots, vectors_number(&sim, path), 1e-8, path);
    snprintf(path, sizeof path, "ksim.calibration_400users_42d.%s.workouts_per_week", policies[p].name);
    assert_close((double)workouts / slots * 35, vectors_number(&sim, path), 1e-8, path);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(stepcount_trace), cmocka_unit_test(stepcount_returns), cmocka_unit_test(ksim_trace),
                                     cmocka_unit_test(ksim_calibration)};
  return cmocka_run_group_tests(tests, open_vectors, close_vectors);
}
