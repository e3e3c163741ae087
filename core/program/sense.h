/* Inside program: what a program's conditions come to, found without running it. */
#pragma once
#include "program/program.h"

/* Adds findings: names that lead nowhere, conditions that never or always are, offers that can never be made, rules that stand in each
 * other's way; each with a witness. Once all parts are built. [builder] */
void sense_check(struct program *p);
void sense_names(struct program *p);  /* the first of these: sense_names.c */
void sense_fields(struct program *p); /* the second: sense_fields.c */
