/* Who plays. Mostly the features of a row; but a CatBoost model may ask for a statistic of several
 * features together (model/catboost_ctr.h). Each such set of features is one more player, and what
 * it gets is shared equally among them: CatBoost's own rule.
 *
 *     column    made of       player
 *     0 city    city          0
 *     1 age     age           1
 *     2         city          0
 *     3         city, age     2      --> half to city, half to age
 *
 * Kernels see a forest of as many features as there are players. */
#ifndef EXPLAIN_PLAYERS_H
#define EXPLAIN_PLAYERS_H

#include "explainer.h"

struct explain_players {
    mw_forest forest; /* as kernels see it: n_features is the number of players */
    size_t n_features, n_sets;
    size_t *begin;      /* n_sets + 1: set s is features[begin[s] .. begin[s + 1]) */
    uint32_t *features; /* ascending in each set */
    mw_arena arena;     /* holds all of it */
};

/* *ret_players = NULL with MW_OK: features alone play. Owned by the caller. */
MW_CHECKED mw_status explain_players_new(const mw_forest *forest, explain_players **ret_players,
                                         mw_error *err);
void explain_players_free(explain_players *players);

/* Values of n_rows, (n_margins, players + 1) each, become (n_margins, n_features + 1). */
void explain_players_share(const explain_players *players, size_t n_rows, const double *played,
                           double *ret_values);

#endif
