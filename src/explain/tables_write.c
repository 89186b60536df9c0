/* One group's table: Shapley values of each of its leaves, for every way to decide. */
#include "tables.h"

#include <assert.h>

#include "quadrature.h"

#include "base/banned.h"

/* A feature on the path to a leaf. A pattern agrees with the path where its bits under `mask` are
 * `wanted`; `never`: two splits contradict each other. */
typedef struct player {
    size_t lane;
    uint32_t mask, wanted;
    bool never;
    double share;
} player;

typedef struct writer {
    const mw_forest *forest;
    const explain_ranks *ranks;
    const tables_draft *draft;
    size_t output;
    double mean;
    size_t n_usual;
    tables_room *room;
} writer;

/* ---- one leaf -------------------------------------------------------------------------------- */

/* value * weight * product of all g at point t, for each set of players that agree. */
static void write_products(const player *players, size_t d, double t, double scale, double *product)
{
    product[0] = scale;
    for (size_t i = 0, n = 1; i < d; i++, n *= 2) {
        double no = (1 - t) * players[i].share, yes = t + no;
        for (size_t set = 0; set < n; set++) {
            product[set + n] = product[set] * yes;
            product[set] *= no;
        }
    }
}

/* leaf[set][j]: the contribution of player j when `set` agrees (quadrature.h has the formula). */
static void write_leaf(tables_room *room, const player *players, size_t d, double value)
{
    double points[TABLES_LANES_MAX], weights[TABLES_LANES_MAX];
    size_t n_points = (d + 1) / 2, n_sets = (size_t)1 << d;
    quadrature_gauss(n_points, points, weights);
    memset(room->leaf, 0, n_sets * sizeof *room->leaf);
    for (size_t q = 0; q < n_points; q++) {
        double t = points[q], term[TABLES_LANES_MAX][2];
        write_products(players, d, t, value * weights[q], room->product);
        for (size_t j = 0; j < d; j++) {
            term[j][0] = -1 / (1 - t); /* -r / ((1 - t) r), also where r is 0 */
            term[j][1] = (1 - players[j].share) / (t + (1 - t) * players[j].share);
        }
        for (size_t set = 0; set < n_sets; set++)
            for (size_t j = 0; j < d; j++)
                room->leaf[set][j] += room->product[set] * term[j][set >> j & 1];
    }
}

/* The players that agree. */
static size_t set_of(const player *players, size_t d, uint32_t pattern)
{
    size_t set = 0;
    for (size_t j = 0; j < d; j++)
        set |= (size_t)((pattern & players[j].mask) == players[j].wanted && !players[j].never) << j;
    return set;
}

/* The same against the background. */
static void write_usual_leaf(const writer *w, const player *players, size_t d, double value)
{
    tables_room *room = w->room;
    memset(room->z_counts, 0, sizeof *room->z_counts << d);
    for (uint32_t pattern = 0; pattern < 1u << w->draft->n_bits; pattern++)
        if (room->counts[pattern])
            room->z_counts[set_of(players, d, pattern)] += room->counts[pattern];
    tables_write_usual(room->leaf, d, value, room->z_counts, w->n_usual);
}

/* Onto the patterns of the group. */
static void spread_leaf(const writer *w, const player *players, size_t d)
{
    for (uint32_t pattern = 0; pattern < 1u << w->draft->n_bits; pattern++) {
        size_t set = set_of(players, d, pattern);
        for (size_t j = 0; j < d; j++)
            w->room->sum[pattern][players[j].lane] += w->room->leaf[set][j];
    }
}

/* ---- the leaves of a group ------------------------------------------------------------------- */

/* The players of the path to the group. */
static void begin_players(const writer *w, player *players)
{
    const tables_draft *draft = w->draft;
    for (size_t i = 0; i < draft->n_path_bits; i++)
        players[i] = (player){.lane = i, .mask = 1u << i, .wanted = 1u << i, .share = 1};
    for (size_t level = 0; level < draft->depth; level++) {
        const tables_edge *edge = &draft->path[level];
        size_t lane = tables_lane(draft, explain_feature(w->forest, edge->node));
        players[lane].share *= explain_share(w->forest, edge->node, edge->child);
        if (!draft->repeats[lane] && !edge->left)
            players[lane].wanted = 0;
    }
}

static uint32_t own_bit(const writer *w, size_t node)
{
    size_t bit = w->draft->n_path_bits;
    while (!tables_same_test(w->ranks, w->draft->nodes[bit], node))
        bit++;
    assert(bit < w->draft->n_bits);
    return 1u << bit;
}

static void visit(const writer *w, size_t node, const player *above, size_t d);

static void visit_child(const writer *w, size_t node, bool left, const player *above, size_t d)
{
    player players[TABLES_LANES_MAX];
    size_t root = w->forest->tree_start[w->draft->tree];
    size_t child = root + (left ? w->forest->left[node] : w->forest->right[node]);
    size_t lane = tables_lane(w->draft, explain_feature(w->forest, node)), at = 0;
    uint32_t bit = own_bit(w, node), wanted = left ? bit : 0;
    memcpy(players, above, d * sizeof *players);
    while (at < d && players[at].lane != lane)
        at++;
    if (at == d)
        players[d++] = (player){.lane = lane, .share = 1};
    player *p = &players[at];
    p->never = p->never || ((p->mask & bit) && (p->wanted & bit) != wanted);
    p->mask |= bit;
    p->wanted |= wanted;
    p->share *= explain_share(w->forest, node, child);
    visit(w, child, players, d);
}

static void visit(const writer *w, size_t node, const player *above, size_t d)
{
    if (w->forest->left[node] != MW_NO_CHILD) {
        visit_child(w, node, true, above, d);
        visit_child(w, node, false, above, d);
        return;
    }
    double value = predict_leaf(w->forest, w->draft->tree, node, w->output) - w->mean;
    if (value == 0)
        return;
    if (w->n_usual > 0)
        write_usual_leaf(w, above, d, value);
    else
        write_leaf(w->room, above, d, value);
    spread_leaf(w, above, d);
}

void tables_write(const mw_forest *forest, const explain_ranks *ranks, const tables_draft *draft,
                  size_t output, double mean, size_t n_usual, tables_room *room, float *ret_table)
{
    const writer w = {forest, ranks, draft, output, mean, n_usual, room};
    player players[TABLES_LANES_MAX];
    size_t n_patterns = (size_t)1 << draft->n_bits;
    size_t wide = tables_entry_bytes(draft->n_lanes) / sizeof(float);
    memset(room->sum, 0, n_patterns * sizeof *room->sum);
    begin_players(&w, players);
    visit(&w, draft->root, players, draft->n_path_bits);
    for (size_t pattern = 0; pattern < n_patterns; pattern++)
        for (size_t lane = 0; lane < wide; lane++)
            ret_table[pattern * wide + lane] = (float)room->sum[pattern][lane];
}
