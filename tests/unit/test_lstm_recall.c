/* rooms: host kit; inside: host; libraries: plugin_lstm_parts */
/* What a session remembers of windows changes no bit of an answer: whoever asks, in whatever order, with new last days, other days before
 * them, gaps, more windows than there are places, and after the model has other weights; with every kernel, and without memory for it. */
#include "lstm_parts.h"

#define NETWORK(more) "{\"inputs\":[\"a\",\"b\",\"c\"],\"steps\":9,\"lstm\":[20,33],\"dense\":[7],\"missing_flags\":true" more "}"
#define PEOPLE        40u
#define ROUNDS        12u

static void answers_of(const kairos_model *model, kairos_session *session, const struct part_table *t, double *answers) {
  kairos_error error = {.size = sizeof error};
  uint64_t valid[PEOPLE / 64 + 1];
  memset(valid, 0xFF, sizeof valid);
  kairos_column column = {.size = sizeof column, .type = KAIROS_F64, .width = 1, .data = answers, .valid = valid}, *pointer = &column;
  const kairos_batch out = {.size = sizeof out, .rows = t->rows, .column_count = 1, .columns = &pointer};
  if (lstm_predict(model, session, &t->batch, &out, &error) != KAIROS_OK) fail_msg("%s", error.message);
  for (uint32_t r = 0; r < t->rows; r++)
    if (!(valid[r / 64] >> (r % 64) & 1)) answers[r] = -1;
}

static void session_begin(kairos_session *s, const kairos_model *model) {
  *s = (kairos_session){.host = &meter.host, .rows_most = PEOPLE};
  assert_true(workspace_new(&s->work, &meter.host, &model->plan, model->kernels, model->kernels->rows, false));
  recall_open(&s->recall, &meter.host, model);
}

static void session_done(kairos_session *s) {
  recall_close(&s->recall, &meter.host);
  workspace_free(&s->work, &meter.host);
}

/* A round of what happens to people: most only have another last day, some another day before it, some a gap or a value again. */
static void live(struct part_table *t, uint32_t round) {
  for (uint32_t r = 0; r < t->rows; r++) {
    const uint32_t dice = (r * 7 + round * 13) % 11, input = (r + round) % 3, step = dice == 3 ? (r + round) % 8 : 8;
    if (dice == 5) part_hole(t, r, step, input);
    else if (dice != 9) {
      const size_t at = (size_t)r * t->steps + step;
      t->columns[input].valid[at / 64] |= UINT64_C(1) << (at % 64);
      *part_cell(t, r, step, input) = cos(0.3 * r + round);
    }
  }
}

static void same_answers(const double *a, const double *b, uint32_t round) {
  for (uint32_t r = 0; r < PEOPLE; r++)
    if (memcmp(&a[r], &b[r], sizeof *a) != 0) fail_msg("round %u, row %u: %.17g and %.17g", round, r, a[r], b[r]);
}

static void live_together(kairos_model *with, kairos_model *without) {
  kairos_session one, two;
  struct part_table *t = part_table(PEOPLE, 3, 9);
  double a[PEOPLE], b[PEOPLE];
  part_cosines(t);
  for (uint32_t i = 0; i < 3; i++)
    for (uint32_t s = 0; s < 5; s++) part_hole(t, 2, s, i); /* a window that begins late */
  session_begin(&one, with);
  session_begin(&two, without);
  assert_non_null(one.recall.block);
  assert_null(two.recall.block);
  for (uint32_t round = 0; round < ROUNDS; round++) {
    if (round == ROUNDS / 2) { /* other weights: what was remembered is of the old ones */
      part_fill(with, 0.07);
      part_fill(without, 0.07);
    }
    answers_of(with, &one, t, a);
    answers_of(without, &two, t, b);
    same_answers(a, b, round);
    live(t, round);
  }
  session_done(&one);
  session_done(&two);
  part_table_free(t);
}

static void remembering_changes_no_bit(void **state) {
  (void)state;
  static const char *const configs[][2] = {{NETWORK(""), NETWORK(",\"recall\":0")},
                                           {NETWORK(",\"recall\":8"), NETWORK(",\"recall\":0")}, /* fewer places than people */
                                           {NETWORK(",\"precision\":\"double\""), NETWORK(",\"recall\":0,\"precision\":\"double\"")}};
  for (size_t c = 0; c < 3; c++)
    for (size_t k = 0; k < KERNELS_COUNT; k++) {
      const bool exact = kernels_list(k) == kernels_exact;
      kairos_model with, without;
      if (!kernels_list(k) || exact != (c == 2)) continue;
      part_new(&with, configs[c][0]);
      part_new(&without, configs[c][1]);
      part_fill(&with, 0.05);
      part_fill(&without, 0.05);
      part_switch(&with, kernels_list(k));
      part_switch(&without, kernels_list(k));
      live_together(&with, &without);
      network_free(&without.network, &meter.host);
      settings_free(&without.settings, &meter.host);
      part_free(&with);
    }
}

/* Whoever was asked about goes on from the last step alone, whatever that brings; another day before it is another window. */
static void a_window_is_found_by_its_days_before_the_last(void **state) {
  (void)state;
  kairos_model model;
  kairos_session s;
  struct part_table *t = part_table(2, 3, 9);
  double answers[PEOPLE];
  part_new(&model, NETWORK(""));
  part_fill(&model, 0.05);
  session_begin(&s, &model);
  part_cosines(t);
  const struct scaling scaling = model_scaling(&model, &model.network);
  answers_of(&model, &s, t, answers);
  *part_cell(t, 0, 8, 1) = 3;
  *part_cell(t, 1, 7, 1) = 3;
  model.kernels->gather(&model.plan, &scaling, &t->batch, NULL, 0, 2, &s.work);
  assert_non_null(recall_find(&s.recall, &model, &s.work, 0, 2));
  assert_null(recall_find(&s.recall, &model, &s.work, 1, 2));
  session_done(&s);
  part_table_free(t);
  part_free(&model);
}

/* A window of one step has nothing before it; nothing is kept of it. */
static void one_step_is_worked_out_whole(void **state) {
  (void)state;
  kairos_model model;
  kairos_session s;
  part_new(&model, "{\"inputs\":[\"a\"],\"steps\":1,\"lstm\":[4],\"dense\":[]}");
  part_fill(&model, 0.05);
  session_begin(&s, &model);
  assert_null(s.recall.block);
  session_done(&s);
  part_free(&model);
}

int main(void) {
  meter_begin(&meter, "lstm", (size_t)256 << 20);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(remembering_changes_no_bit),
      cmocka_unit_test(a_window_is_found_by_its_days_before_the_last),
      cmocka_unit_test(one_step_is_worked_out_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
