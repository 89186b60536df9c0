/* The forest as the quadrature kernels want it: programs, memory. */
#include "quadrature.h"

#include <assert.h>

#include "base/banned.h"

static mw_status fail_memory(mw_error *err)
{
    return mw_fail_memory(err, "the explainer");
}

/* ---- programs -------------------------------------------------------------------------------- */

typedef struct survey {
    const mw_forest *forest;
    const uint8_t *covered;
    size_t root;
    uint32_t *on_path; /* n_features: how often a feature stands on the path */
    uint32_t n_distinct, most_distinct;
    size_t n_splits;
    uint32_t depth;
} survey;

static void survey_node(survey *s, size_t node, uint32_t level)
{
    if (level > s->depth)
        s->depth = level;
    if (quadrature_is_leaf(s->forest, s->covered, node))
        return;
    uint32_t feature = explain_feature(s->forest, node);
    s->n_splits++;
    if (s->on_path[feature]++ == 0 && ++s->n_distinct > s->most_distinct)
        s->most_distinct = s->n_distinct;
    survey_node(s, s->root + s->forest->left[node], level + 1);
    survey_node(s, s->root + s->forest->right[node], level + 1);
    if (--s->on_path[feature] == 0)
        s->n_distinct--;
}

static uint32_t points_for(uint32_t n_distinct)
{
    uint32_t points = (n_distinct + 1) / 2;
    return points < 1 ? 1 : points > QUADRATURE_POINTS_MAX ? QUADRATURE_POINTS_MAX : points;
}

#define TAKE_LARGER(to, value) ((to) = (value) > (to) ? (value) : (to))

/* A split: SPLIT, TURN, JOIN or one PAIR; at most 8 words a point and 2 more. A leaf: one. */
static void add_program(const mw_forest *forest, quadrature_layout *layout, size_t tree,
                        size_t output, uint32_t *on_path)
{
    survey s = {.forest = forest,
                .covered = layout->covered,
                .root = forest->tree_start[tree],
                .on_path = on_path};
    survey_node(&s, s.root, 0);
    if (s.n_splits == 0)
        return; /* only a bias, or tables */
    uint32_t points = points_for(s.most_distinct);
    size_t slots = s.n_splits < forest->n_features ? s.n_splits : forest->n_features;
    layout->programs[layout->n_programs++] = (quadrature_program){
        .tree = tree,
        .output = output,
        .mean = explain_mean(forest, tree, s.root, output),
        .n_points = points,
        .n_steps_max = 4 * s.n_splits + 2,
        .n_words_max = s.n_splits * (8 * points + 2) + s.n_splits + 1,
        .n_slots_max = slots,
    };
    const quadrature_program *program = &layout->programs[layout->n_programs - 1];
    TAKE_LARGER(layout->points_max, points);
    TAKE_LARGER(layout->levels_max, s.depth);
    TAKE_LARGER(layout->steps_max, program->n_steps_max);
    TAKE_LARGER(layout->words_max, program->n_words_max);
    TAKE_LARGER(layout->slots_max, slots);
}

/* By margin; those of one margin stay in file order. */
static mw_status sort_programs(const mw_forest *forest, quadrature_layout *layout, mw_error *err)
{
    const quadrature_program *found = layout->programs;
    mw_arena *arena = layout->arena;
    size_t *first = layout->first_program;
    size_t *next = mw_arena_take_zeroed(arena, forest->n_margins, sizeof *next);
    layout->programs = mw_arena_take_zeroed(arena, layout->n_programs, sizeof *layout->programs);
    if (!next || !layout->programs)
        return fail_memory(err);
    for (size_t i = 0; i < layout->n_programs; i++)
        first[found[i].output + 1]++;
    for (size_t m = 0; m < forest->n_margins; m++) {
        next[m] = first[m];
        first[m + 1] += first[m];
    }
    for (size_t i = 0; i < layout->n_programs; i++)
        layout->programs[next[found[i].output]++] = found[i];
    return MW_OK;
}

static mw_status find_programs(const mw_forest *forest, quadrature_layout *layout, mw_error *err)
{
    size_t most = 0;
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        most += explain_end_output(forest, tree) - explain_first_output(forest, tree);
    mw_arena *arena = layout->arena;
    uint32_t *on_path = mw_arena_take_zeroed(arena, forest->n_features, sizeof *on_path);
    layout->programs = mw_arena_take_zeroed(arena, most, sizeof *layout->programs);
    layout->first_program =
        mw_arena_take_zeroed(arena, forest->n_margins + 1, sizeof *layout->first_program);
    if (!on_path || !layout->programs || !layout->first_program)
        return fail_memory(err);
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        for (size_t m = explain_first_output(forest, tree); m < explain_end_output(forest, tree);
             m++)
            add_program(forest, layout, tree, m, on_path);
    return sort_programs(forest, layout, err);
}

static mw_status find_points(quadrature_layout *layout, mw_error *err)
{
    size_t count = layout->points_max + 1;
    layout->points = mw_arena_take_zeroed(layout->arena, count, sizeof *layout->points);
    layout->weights = mw_arena_take_zeroed(layout->arena, count, sizeof *layout->weights);
    if (!layout->points || !layout->weights)
        return fail_memory(err);
    for (size_t n = 1; n <= layout->points_max; n++)
        quadrature_gauss(n, layout->points[n], layout->weights[n]);
    return MW_OK;
}

/* ---- programs that are kept ------------------------------------------------------------------ */

static mw_status take_lists(quadrature_layout *layout, size_t n_steps, size_t n_words,
                            size_t n_slots, mw_error *err)
{
    mw_arena *arena = layout->arena;
    layout->lists.steps = mw_arena_take(arena, n_steps * sizeof *layout->lists.steps);
    layout->lists.words =
        mw_arena_take_zeroed(arena, n_words + QUADRATURE_WORDS_BEHIND, sizeof *layout->lists.words);
    layout->lists.places = mw_arena_take(arena, n_slots * sizeof *layout->lists.places);
    if (!layout->lists.steps || !layout->lists.words || !layout->lists.places)
        return fail_memory(err);
    return MW_OK;
}

static quadrature_lists lists_at(const quadrature_layout *layout, const quadrature_program *program)
{
    return (quadrature_lists){layout->lists.steps + program->first_step,
                              layout->lists.words + program->first_word,
                              layout->lists.places + program->first_slot, program->n_slots};
}

static mw_status keep_programs(const mw_forest *forest, quadrature_layout *layout,
                               size_t kept_bytes_max, mw_error *err)
{
    size_t n_steps = 0, n_words = 0, n_slots = 0;
    for (size_t i = 0; i < layout->n_programs; i++) {
        quadrature_program *program = &layout->programs[i];
        program->first_step = n_steps;
        program->first_word = n_words;
        program->first_slot = n_slots;
        n_steps += program->n_steps_max;
        n_words += program->n_words_max;
        n_slots += program->n_slots_max;
    }
    size_t bytes =
        n_steps * sizeof(quadrature_step) + n_words * sizeof(int32_t) + n_slots * sizeof(uint32_t);
    if (bytes > kept_bytes_max)
        return MW_OK;
    MW_TRY(take_lists(layout, n_steps, n_words, n_slots, err));
    mw_arena *arena = layout->arena;
    quadrature_path *path =
        mw_arena_take_zeroed(arena, layout->levels_max + (size_t)1, sizeof *path);
    size_t slot_bytes = layout->ranks->n_places * sizeof(uint32_t);
    uint32_t *slot_of = mw_arena_take(arena, slot_bytes);
    if (!path || !slot_of)
        return fail_memory(err);
    memset(slot_of, 0xff, slot_bytes);
    for (size_t i = 0; i < layout->n_programs; i++) {
        quadrature_program *program = &layout->programs[i];
        quadrature_lists lists = lists_at(layout, program);
        program->n_slots = quadrature_write(forest, layout, program, path, slot_of, &lists);
    }
    layout->kept = true;
    return MW_OK;
}

quadrature_lists quadrature_lists_of(const mw_forest *forest, const quadrature_layout *layout,
                                     const quadrature_program *program, quadrature_memory *parts)
{
    if (layout->kept)
        return lists_at(layout, program);
    memset(parts->slot_of, 0xff, layout->ranks->n_places * sizeof *parts->slot_of);
    parts->lists.n_slots =
        quadrature_write(forest, layout, program, parts->path, parts->slot_of, &parts->lists);
    return parts->lists;
}

/* ---- the whole ------------------------------------------------------------------------------- */

mw_status quadrature_lay_out(const mw_forest *forest, const explain_ranks *ranks,
                             const uint8_t *covered, size_t kept_bytes_max, mw_arena *arena,
                             quadrature_layout *ret_layout, mw_error *err)
{
    *ret_layout = (quadrature_layout){.arena = arena, .ranks = ranks, .covered = covered};
    MW_TRY(find_programs(forest, ret_layout, err));
    MW_TRY(find_points(ret_layout, err));
    return keep_programs(forest, ret_layout, kept_bytes_max, err);
}

/* ---- memory of a block ----------------------------------------------------------------------- */

size_t quadrature_divide(const quadrature_layout *layout, void *memory,
                         quadrature_memory *ret_parts)
{
    const size_t line = QUADRATURE_ROWS_MAX * sizeof(float);
    size_t levels = layout->levels_max + (size_t)1, used = 0;
    size_t points = layout->points_max, written = layout->kept ? 0 : 1;
    void *parts[9];
    const size_t bytes[9] = {
        layout->slots_max * line,
        levels * points * line,
        2 * levels * points * line,
        3 * levels * line,
        written * layout->ranks->n_places * sizeof(uint32_t),
        written * levels * sizeof(quadrature_path),
        written * layout->steps_max * sizeof(quadrature_step),
        written * (layout->words_max + QUADRATURE_WORDS_BEHIND) * sizeof(int32_t),
        written * layout->slots_max * sizeof(uint32_t),
    };
    for (size_t i = 0; i < MW_COUNT(parts); i++)
        parts[i] = explain_cut_off(memory, &used, bytes[i]);
    *ret_parts = (quadrature_memory){parts[0],
                                     parts[1],
                                     parts[2],
                                     parts[3],
                                     parts[4],
                                     parts[5],
                                     {parts[6], parts[7], parts[8], 0}};
    return used;
}
