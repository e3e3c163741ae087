/* `kairos evaluate --by`: whether a model is as good for each group of people. */
#pragma once
#include "one_model.h"
#include "stats/stats.h"

struct group_report {
  const char *by;
  const struct str *names;  /* the table's */
  uint32_t groups, unknown; /* unknown: people of whom it is not known, who are left out */
  struct served *served;    /* [groups] */
  struct {
    double gap, ratio;
    struct gap_chance chance;
    bool alarm; /* large, and not by chance */
  } gaps[GAPS];
};
/* Of the people that the table's model was not trained on, by what training_table_by was told; into `a`. [main] */
bool groups_judge(struct group_report *g, const struct one_model *m, const struct training_table *table, const char *by, struct arena *a,
                  struct err *e);
void groups_card(const struct group_report *g, struct buf *out);
void groups_write(const struct group_report *g, struct json_writer *w); /* as a member of the open object */
