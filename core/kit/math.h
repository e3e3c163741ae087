/* Mathematics with the same bits on every machine: only +, -, *, /, sqrt of IEEE doubles, no fused operations, no libm for what can differ.
 * Accuracy: within 2 ulp (exp, log, sin, cos, atan2), pow by exp/log in double-double for ≤ 4 ulp in the range used. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

double math_exp(double x);
double math_log(double x);
double math_pow(double x, double y);
double math_sin(double x); /* |x| ≤ 1e5, beyond it NaN */
double math_cos(double x);
double math_atan2(double y, double x);
double math_sqrt(double x);
double math_round6(double x); /* to the nearest 1e-6, half away from zero; what a belief is rounded to before it meets a threshold */
double math_clamp(double x, double low, double high); /* NaN stays NaN */
bool math_finite(double x);
