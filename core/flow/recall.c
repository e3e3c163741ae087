/* recall: a message was decided for somebody as they were known then: quiet hours in their zone, what a minor may get, what the ill are not
 * asked; and, where a merge tells more of them, that nothing was refused, nobody was held out, and how much they had been sent. When a row
 * changes one of these while a message waits, it is withdrawn, as by an opt-out: its row ends in the same transaction, and the courier
 * hears of it after the commit, before the answer. Promises that it does not matter whether a request, a batch or a merge brought the
 * change, nor whether it made things stricter. Decides nothing anew: the next moment does. Called by flow.c on the lane; in replay nothing
 * waits. */
#include "inside.h"
#include "kit/clock.h"

/* The sends that caps and the gap may count, at any clock from here on. */
static uint32_t recent_sends(const struct user *u, int64_t clock) {
  uint32_t count = 0;
  for (uint16_t i = 0; i < u->send_count; i++) count += clock - u->sends[i].at < 7 * CLOCK_DAY;
  return count;
}

static struct known_person known(struct flow *f, const struct step *s) {
  const struct user *u = s->user;
  return (struct known_person){.zone = u->zone,
                               .consent = u->consent,
                               .age = u->age,
                               .guardian = u->minor_consent,
                               .held_out = s->program && rules_hold_out(s->program->rules, u),
                               .health = user_health(u, &f->scratch),
                               .sends = recent_sends(u, s->recorded.clock)};
}

struct known_person recall_before(struct flow *f, const struct step *s) {
  const struct user *u = s->user;
  const bool may = s->item->kind == ENTRY_MERGE || str_is(s->item->event.type, "profile_updated");
  if (!f->volume || !may || u->send_count == 0) return (struct known_person){0};
  struct known_person before = known(f, s);
  before.may_change = true;
  return before;
}

static void count(void *context, uint64_t id) {
  (void)id;
  ++*(size_t *)context;
}

/* Letters of the same turn have not left yet. */
static void drop_letters(struct flow *f, int64_t number) {
  size_t kept = 0;
  for (size_t i = 0; i < f->letters.count; i++) {
    struct letter *l = f->letters.at[i];
    if (l->user == number) letter_free(l);
    else f->letters.at[kept++] = l;
  }
  f->letters.count = kept;
}

bool recall_after(struct flow *f, struct step *s, const struct known_person *before, struct err *e) {
  struct user *u = s->user;
  if (!before->may_change) return true;
  const struct known_person now = known(f, s);
  const bool same = before->zone == now.zone && before->consent == now.consent && before->age == now.age &&
                    before->guardian == now.guardian && before->held_out == now.held_out && before->health == now.health &&
                    before->sends == now.sends && !u->closed;
  size_t waited = 0;
  if (same) return true;
  if (!volume_withdraw(f->volume, u, count, &waited, e)) return false;
  if (!waited) return true;
  drop_letters(f, u->number);
  s->item->recalled = true;
  return pile_push(&f->recalled, (void *)(uintptr_t)u->number) || err_set(e, ERR_STORAGE, "no memory to withdraw a message");
}

size_t flow_recalled_take(struct flow *f, int64_t *users, size_t most) {
  size_t n = 0;
  for (void *number; n < most && pile_take(&f->recalled, &number, 1); n++) users[n] = (int64_t)(uintptr_t)number;
  return n;
}
