/* Behind the door: what the tests' tails are made of. */
#ifndef STATS_SPECIAL_H
#define STATS_SPECIAL_H

#include "stats.h"

/* ln gamma(x), x > 0; safe for threads, which lgamma() is not. */
double stats_log_gamma(double x);
/* ln of n over k, which may be large. */
double stats_log_choose(double n, double k);
/* P(K = k) of a binomial with n draws, p + q = 1. */
double stats_binomial_mass(double k, double n, double p, double q);

#endif
