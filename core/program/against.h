/* Inside program: a program against the one that is live: what must not change under people who are in the middle of it. */
#pragma once
#include "program/program.h"

/* Notes what may be changed in stated ways only: experiments and rollouts. False: no memory. [any] */
bool against_note(const struct program *p, struct buf *out);
/* Adds an error for each experiment whose arms, draw or outcome are otherwise than in the note, though its revision is the same; and for
 * each rollout whose stages would make somebody skip one. [builder] */
void against_check(struct program *p, struct str note);
