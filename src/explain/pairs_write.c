/* A chunk of trees becomes lists of steps, words and partners. */
#include "pairs_program.h"

#include <assert.h>

#include "base/banned.h"

typedef struct writer {
    const mw_forest *forest;
    const pairs_layout *layout;
    const pairs_program *program;
    pairs_path *path;
    uint32_t *slot_of;
    pairs_lists *lists;
    const double *points, *weights;
    size_t n_steps, n_words, n_partners;
} writer;

/* What is known of one edge: r of its feature above it and below it, for a row whose o was 1. */
typedef struct edge {
    double share, above, below;
} edge;

/* ---- words ----------------------------------------------------------------------------------- */

static int32_t word_of(double value)
{
    float narrow = (float)value;
    int32_t word;
    memcpy(&word, &narrow, sizeof word);
    return word;
}

static void put_number(writer *w, double value)
{
    w->lists->words[w->n_words++] = word_of(value);
}

static void put_choice(writer *w, double no, double yes)
{
    w->lists->words[w->n_words++] = word_of(no);
    w->lists->words[w->n_words++] = word_of(no) ^ word_of(yes);
}

static double factor(const edge *e, bool taken, double t)
{
    return ((taken ? t : 0) + (1 - t) * e->below) / (t + (1 - t) * e->above);
}

/* T below the edge; -r / ((1 - t) r) where it is not taken, also where r is 0. */
static double whole_term(const edge *e, bool taken, double t)
{
    return taken ? (1 - e->below) / (t + (1 - t) * e->below) : -1 / (1 - t);
}

/* What the edge adds to T. */
static double own_term(const edge *e, bool taken, double t)
{
    return whole_term(e, taken, t) - (1 - e->above) / (t + (1 - t) * e->above);
}

static void put_edge(writer *w, const edge *e, bool is_left, bool again)
{
    if (again)
        put_number(w, e->share);
    for (size_t q = 0; q < w->program->n_points; q++) {
        double t = w->points[q];
        put_choice(w, factor(e, !is_left, t), factor(e, is_left, t));
        put_choice(w, whole_term(e, !is_left, t), whole_term(e, is_left, t));
        if (again)
            put_choice(w, own_term(e, !is_left, t), own_term(e, is_left, t));
    }
}

static void put_twins(writer *w, const edge *left, const edge *right, double left_value,
                      double right_value, bool again)
{
    if (again)
        put_number(w, left->share * left_value + right->share * right_value);
    for (size_t q = 0; q < w->program->n_points; q++) {
        double t = w->points[q], sums[2], terms[2];
        for (int goes_left = 0; goes_left < 2; goes_left++) {
            double l = left_value * factor(left, goes_left, t);
            double r = right_value * factor(right, !goes_left, t);
            sums[goes_left] = l + r;
            terms[goes_left] = w->weights[q] * (l * own_term(left, goes_left, t) +
                                                r * own_term(right, !goes_left, t));
        }
        put_choice(w, sums[0], sums[1]);
        put_choice(w, terms[0], terms[1]);
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

static uint32_t slot_of(writer *w, uint32_t a, uint32_t b)
{
    uint32_t id = *pairs_id_of(w->layout, a, b);
    if (w->slot_of[id] == UINT32_MAX) {
        w->slot_of[id] = w->lists->n_slots;
        w->lists->ids[w->lists->n_slots++] = id;
    }
    return w->slot_of[id];
}

static pairs_step *put_step(writer *w, pairs_kind kind, const pairs_step *like)
{
    pairs_step *step = &w->lists->steps[w->n_steps++];
    *step = *like;
    step->kind = kind;
    return step;
}

/* The step's contribution, and its interactions with the features above it. */
static void put_partners(writer *w, pairs_step *step, uint32_t feature)
{
    step->slot = slot_of(w, feature, feature);
    for (uint32_t level = 0; level < step->level; level++) {
        const pairs_path *above = &w->path[level];
        if (!above->latest || above->feature == feature)
            continue;
        w->lists->partners[w->n_partners++] =
            (pairs_partner){level, slot_of(w, feature, above->feature)};
        step->n_partners++;
    }
}

static uint32_t find_older(const writer *w, uint32_t level, uint32_t feature)
{
    while (level > 0 && w->path[level - 1].feature != feature)
        level--;
    return level;
}

static double leaf_value(const writer *w, size_t leaf)
{
    return predict_leaf(w->forest, w->program->tree, leaf, w->program->output) - w->program->mean;
}

static bool is_leaf(const writer *w, size_t node)
{
    return w->forest->left[node] == MW_NO_CHILD;
}

static void write_node(writer *w, size_t node, uint32_t level, uint32_t side);

static void write_split(writer *w, size_t node, pairs_step *like)
{
    const mw_forest *forest = w->forest;
    size_t root = forest->tree_start[w->program->tree];
    size_t left = root + forest->left[node], right = root + forest->right[node];
    uint32_t feature = explain_feature(forest, node), level = like->level;
    like->older = find_older(w, level, feature);
    double above = like->older ? w->path[like->older - 1].share : 1;
    edge l = {.share = explain_share(forest, node, left), .above = above};
    edge r = {.share = explain_share(forest, node, right), .above = above};
    l.below = above * l.share;
    r.below = above * r.share;
    if (is_leaf(w, left) && is_leaf(w, right)) {
        put_partners(w, put_step(w, PAIRS_TWINS, like), feature);
        put_twins(w, &l, &r, leaf_value(w, left), leaf_value(w, right), like->older);
        return;
    }
    if (like->older)
        w->path[like->older - 1].latest = false;
    put_step(w, PAIRS_SPLIT, like);
    put_edge(w, &l, true, like->older);
    w->path[level] = (pairs_path){feature, l.below, true};
    write_node(w, left, level + 1, 0);
    put_step(w, PAIRS_TURN, like);
    put_edge(w, &r, false, like->older);
    w->path[level] = (pairs_path){feature, r.below, true};
    write_node(w, right, level + 1, 1);
    if (like->older)
        w->path[like->older - 1].latest = true;
    put_partners(w, put_step(w, PAIRS_JOIN, like), feature);
    for (size_t q = 0; q < w->program->n_points; q++)
        put_number(w, w->weights[q]);
}

static void write_node(writer *w, size_t node, uint32_t level, uint32_t side)
{
    pairs_step step = {.level = level, .result = 2 * level + side, .node = (uint32_t)node};
    if (!is_leaf(w, node)) {
        write_split(w, node, &step);
        return;
    }
    put_step(w, PAIRS_LEAF, &step);
    put_number(w, leaf_value(w, node));
}

void pairs_write(const mw_forest *forest, const pairs_layout *layout, const pairs_chunk *chunk,
                 pairs_path *path, uint32_t *slot_of_ids, pairs_lists *lists)
{
    writer w = {
        .forest = forest, .layout = layout, .path = path, .slot_of = slot_of_ids, .lists = lists};
    lists->n_slots = 0;
    for (size_t i = chunk->first_program; i < chunk->end_program; i++) {
        w.program = &layout->programs[i];
        w.points = layout->points + w.program->n_points * layout->points_max;
        w.weights = layout->weights + w.program->n_points * layout->points_max;
        write_node(&w, forest->tree_start[w.program->tree], 0, 0);
        put_step(&w, PAIRS_END, &(pairs_step){0});
    }
    for (uint32_t slot = 0; slot < lists->n_slots; slot++)
        w.slot_of[lists->ids[slot]] = UINT32_MAX;
}
