/* One tree for one margin becomes a list of steps and the constants that they eat. */
#include "quadrature.h"

#include <assert.h>

#include "base/banned.h"

void quadrature_gauss(size_t n_points, double *points, double *weights)
{
    const double pi = 3.14159265358979323846;
    for (size_t i = 0; i < n_points; i++) {
        double x = cos(pi * ((double)i + 0.75) / ((double)n_points + 0.5)), slope = 1;
        for (int round = 0; round < 100; round++) { /* Newton on Legendre's polynomial */
            double before = 1, value = x;
            for (size_t k = 2; k <= n_points; k++) {
                double next =
                    ((2 * (double)k - 1) * x * value - ((double)k - 1) * before) / (double)k;
                before = value;
                value = next;
            }
            slope = (double)n_points * (x * value - before) / (x * x - 1);
            double step = value / slope;
            x -= step;
            if (fabs(step) < 1e-16)
                break;
        }
        points[i] = (1 + x) / 2;
        weights[i] = 1 / ((1 - x * x) * slope * slope);
    }
}

typedef struct writer {
    const mw_forest *forest;
    const quadrature_layout *layout;
    const quadrature_program *program;
    quadrature_path *path;
    uint32_t *slot_of;
    const quadrature_lists *lists;
    const double *points, *weights;
    size_t n_steps, n_words;
    uint32_t n_slots;
} writer;

/* What is known of one edge: r of its feature above it and below it, for a row whose o was 1. */
typedef struct edge {
    double share;        /* of training rows that take it */
    double above, below; /* r; above = 1 for the first split on a feature */
} edge;

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

/* Room for choices, of all points. */
static int32_t *put_choices(writer *w, size_t n)
{
    int32_t *words = w->lists->words + w->n_words;
    w->n_words += n * 2 * w->program->n_points;
    return words;
}

/* The i-th of them at point q. */
static void set_choice(const writer *w, int32_t *choices, size_t i, size_t q, double no, double yes)
{
    size_t n = w->program->n_points, at = 2 * n * i + q;
    choices[at] = word_of(no);
    choices[at + n] = word_of(no) ^ word_of(yes);
}

/* g below the edge over g above it, at point t; `taken`: the row takes the edge (o stays 1). */
static double factor(const edge *e, bool taken, double t)
{
    return ((taken ? t : 0) + (1 - t) * e->below) / (t + (1 - t) * e->above);
}

/* (o - r) / g below the edge, less the same above it. A row that does not take the edge has
 * -r / ((1 - t) r) below it: -1 / (1 - t), also where r is 0 and the sum below is 0 with it. */
static double term(const edge *e, bool taken, double t)
{
    double older = (1 - e->above) / (t + (1 - t) * e->above);
    double newer = taken ? (1 - e->below) / (t + (1 - t) * e->below) : -1 / (1 - t);
    return newer - older;
}

static uint32_t slot_of(writer *w, uint32_t feature)
{
    uint32_t place = w->layout->ranks->places[feature];
    if (w->slot_of[place] == UINT32_MAX) {
        w->slot_of[place] = w->n_slots;
        w->lists->places[w->n_slots++] = place;
    }
    return w->slot_of[place];
}

static quadrature_step *put_step(writer *w, quadrature_kind kind, const quadrature_step *like)
{
    assert(w->n_steps < w->program->n_steps_max);
    quadrature_step *step = &w->lists->steps[w->n_steps++];
    *step = *like;
    step->kind = kind;
    return step;
}

static bool is_leaf(const writer *w, size_t node)
{
    return quadrature_is_leaf(w->forest, w->layout->covered, node);
}

static double leaf_value(const writer *w, size_t leaf)
{
    if (w->layout->covered[leaf])
        return 0;
    return predict_leaf(w->forest, w->program->tree, leaf, w->program->output) - w->program->mean;
}

static void put_pair(writer *w, const edge *left, const edge *right, double left_value,
                     double right_value, bool again)
{
    if (again)
        put_number(w, left->share * left_value + right->share * right_value);
    int32_t *choices = put_choices(w, 2);
    for (size_t q = 0; q < w->program->n_points; q++) {
        double t = w->points[q];
        double yes_left = left_value * factor(left, true, t);
        double yes_right = right_value * factor(right, false, t);
        double no_left = left_value * factor(left, false, t);
        double no_right = right_value * factor(right, true, t);
        set_choice(w, choices, 0, q, no_left + no_right, yes_left + yes_right);
        set_choice(
            w, choices, 1, q,
            w->weights[q] * (no_left * term(left, false, t) + no_right * term(right, true, t)),
            w->weights[q] * (yes_left * term(left, true, t) + yes_right * term(right, false, t)));
    }
}

static void put_factors(writer *w, const edge *e, bool is_left, bool again)
{
    if (again)
        put_number(w, e->share);
    int32_t *choices = put_choices(w, 1);
    for (size_t q = 0; q < w->program->n_points; q++)
        set_choice(w, choices, 0, q, factor(e, !is_left, w->points[q]),
                   factor(e, is_left, w->points[q]));
}

static void put_term(writer *w, const edge *e, bool is_left)
{
    int32_t *choices = put_choices(w, 1);
    for (size_t q = 0; q < w->program->n_points; q++)
        set_choice(w, choices, 0, q, w->weights[q] * term(e, !is_left, w->points[q]),
                   w->weights[q] * term(e, is_left, w->points[q]));
}

/* The nearest level above that splits on the same feature; false: there is none. */
static bool find_older(const writer *w, uint32_t level, uint32_t feature, uint32_t *ret_older)
{
    while (level > 0)
        if (w->path[--level].feature == feature) {
            *ret_older = level;
            return true;
        }
    return false;
}

static void write_node(writer *w, size_t node, uint32_t level, uint32_t result);

/* Down one edge: the path's entry of this level is what the nodes below see. */
static void write_child(writer *w, size_t child, const quadrature_step *step, uint32_t result,
                        uint32_t feature, const edge *e)
{
    w->path[step->level] = (quadrature_path){feature, e->below};
    write_node(w, child, step->level + 1, result);
}

/* The kind for a feature that stands higher on the path, or not. */
static quadrature_kind kind_of(bool again, quadrature_kind first, quadrature_kind later)
{
    return again ? later : first;
}

/* One side is a leaf of 0: nothing comes of it. */
static void write_chain(writer *w, size_t child, bool is_left, const quadrature_step *step,
                        uint32_t feature, const edge *e, bool again)
{
    put_step(w,
             is_left ? kind_of(again, QUADRATURE_SPLIT, QUADRATURE_SPLIT_AGAIN)
                     : kind_of(again, QUADRATURE_RIGHT, QUADRATURE_RIGHT_AGAIN),
             step);
    put_factors(w, e, is_left, again);
    write_child(w, child, step, step->result, feature, e);
    put_step(w, kind_of(again, QUADRATURE_UP, QUADRATURE_UP_AGAIN), step);
    put_term(w, e, is_left);
}

static void write_both(writer *w, const size_t *children, const quadrature_step *step,
                       uint32_t feature, const edge *l, const edge *r, bool again)
{
    uint32_t below = 2 * (step->level + 1);
    put_step(w, kind_of(again, QUADRATURE_SPLIT, QUADRATURE_SPLIT_AGAIN), step);
    put_factors(w, l, true, again);
    write_child(w, children[0], step, below, feature, l);
    put_step(w, kind_of(again, QUADRATURE_TURN, QUADRATURE_TURN_AGAIN), step);
    put_factors(w, r, false, again);
    write_child(w, children[1], step, below + 1, feature, r);
    put_step(w, kind_of(again, QUADRATURE_JOIN, QUADRATURE_JOIN_AGAIN), step);
    put_term(w, l, true);
    put_term(w, r, false);
}

static void write_split(writer *w, size_t node, const quadrature_step *like)
{
    const mw_forest *forest = w->forest;
    size_t root = forest->tree_start[w->program->tree];
    size_t left = root + forest->left[node], right = root + forest->right[node];
    uint32_t feature = explain_feature(forest, node), level = like->level;
    quadrature_step step = *like;
    bool again = find_older(w, level, feature, &step.older);
    double above = again ? w->path[step.older].share : 1;
    edge l = {.share = explain_share(forest, node, left), .above = above};
    edge r = {.share = explain_share(forest, node, right), .above = above};
    l.below = above * l.share;
    r.below = above * r.share;
    step.slot = slot_of(w, feature);
    step.column = w->layout->ranks->node_column[node];
    step.cut = w->layout->ranks->node_cut[node];
    if (is_leaf(w, left) && is_leaf(w, right)) {
        put_step(w, kind_of(again, QUADRATURE_PAIR, QUADRATURE_PAIR_AGAIN), &step);
        put_pair(w, &l, &r, leaf_value(w, left), leaf_value(w, right), again);
    } else if (w->layout->covered[right]) {
        write_chain(w, left, true, &step, feature, &l, again);
    } else if (w->layout->covered[left]) {
        write_chain(w, right, false, &step, feature, &r, again);
    } else {
        write_both(w, (size_t[]){left, right}, &step, feature, &l, &r, again);
    }
}

static void write_node(writer *w, size_t node, uint32_t level, uint32_t result)
{
    quadrature_step step = {.level = level, .result = result};
    if (!is_leaf(w, node)) {
        write_split(w, node, &step);
        return;
    }
    put_step(w, QUADRATURE_LEAF, &step);
    put_number(w, leaf_value(w, node));
}

uint32_t quadrature_write(const mw_forest *forest, const quadrature_layout *layout,
                          const quadrature_program *program, quadrature_path *path,
                          uint32_t *slot_of, const quadrature_lists *lists)
{
    writer w = {.forest = forest,
                .layout = layout,
                .program = program,
                .path = path,
                .slot_of = slot_of,
                .lists = lists,
                .points = layout->points[program->n_points],
                .weights = layout->weights[program->n_points]};
    write_node(&w, forest->tree_start[program->tree], 0, 0);
    put_step(&w, QUADRATURE_END, &(quadrature_step){0});
    assert(w.n_words <= program->n_words_max);
    for (uint32_t slot = 0; slot < w.n_slots; slot++)
        slot_of[lists->places[slot]] = UINT32_MAX;
    return w.n_slots;
}
