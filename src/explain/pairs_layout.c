/* The forest as the kernels of interactions want it: programs, chunks, ids, memory. */
#include "pairs_program.h"
#include "quadrature.h"

#include <stdlib.h>

#include "base/banned.h"

static mw_status fail_memory(mw_error *err)
{
    return mw_fail_memory(err, "the interactions");
}

/* ---- places and ids -------------------------------------------------------------------------- */

static mw_status find_places(const mw_forest *forest, pairs_layout *layout, mw_error *err)
{
    mw_arena *arena = &layout->arena;
    layout->place_of = mw_arena_take(arena, (forest->n_features + 1) * sizeof *layout->place_of);
    if (!layout->place_of)
        return fail_memory(err);
    memset(layout->place_of, 0xff, forest->n_features * sizeof *layout->place_of);
    for (size_t node = 0; node < forest->n_nodes; node++) {
        uint32_t *place = &layout->place_of[explain_feature(forest, node)];
        if (forest->left[node] != MW_NO_CHILD && *place == UINT32_MAX)
            *place = (uint32_t)layout->n_places++;
    }
    size_t n = layout->n_places * layout->n_places;
    layout->id_of = mw_arena_take(arena, (n + 1) * sizeof *layout->id_of);
    if (!layout->id_of)
        return fail_memory(err);
    memset(layout->id_of, 0xff, n * sizeof *layout->id_of);
    return MW_OK;
}

static size_t give_id(pairs_layout *layout, uint32_t a, uint32_t b)
{
    uint32_t *id = pairs_id_of(layout, a, b);
    if (*id == UINT32_MAX)
        *id = (uint32_t)layout->n_ids++;
    return *id;
}

static mw_status list_ids(const mw_forest *forest, pairs_layout *layout, mw_error *err)
{
    layout->ids = mw_arena_take_zeroed(&layout->arena, layout->n_ids + 1, sizeof *layout->ids);
    if (!layout->ids)
        return fail_memory(err);
    uint32_t *feature_of = calloc(layout->n_places + 1, sizeof *feature_of);
    if (!feature_of)
        return fail_memory(err);
    for (size_t f = 0; f < forest->n_features; f++)
        if (layout->place_of[f] != UINT32_MAX)
            feature_of[layout->place_of[f]] = (uint32_t)f;
    for (size_t a = 0; a < layout->n_places; a++) {
        for (size_t b = a; b < layout->n_places; b++) {
            uint32_t id = layout->id_of[a * layout->n_places + b];
            if (id != UINT32_MAX)
                layout->ids[id] = (pairs_id){feature_of[a], feature_of[b]};
        }
    }
    free(feature_of);
    return MW_OK;
}

/* ---- programs -------------------------------------------------------------------------------- */

/* The distinct features on the path, and how often each stands there. */
typedef struct survey {
    const mw_forest *forest;
    pairs_layout *layout;
    size_t root;
    uint32_t *on_path; /* n_features */
    uint32_t *distinct;
    uint32_t n_distinct, most_distinct;
    size_t n_splits, n_partners;
    uint32_t depth;
} survey;

static void survey_node(survey *s, size_t node, uint32_t level)
{
    s->depth = level > s->depth ? level : s->depth;
    if (s->forest->left[node] == MW_NO_CHILD)
        return;
    uint32_t feature = explain_feature(s->forest, node);
    s->n_splits++;
    s->n_partners += s->n_distinct;
    give_id(s->layout, feature, feature);
    for (uint32_t i = 0; i < s->n_distinct; i++)
        give_id(s->layout, feature, s->distinct[i]);
    if (s->on_path[feature]++ == 0)
        s->distinct[s->n_distinct++] = feature;
    s->most_distinct = s->n_distinct > s->most_distinct ? s->n_distinct : s->most_distinct;
    survey_node(s, s->root + s->forest->left[node], level + 1);
    survey_node(s, s->root + s->forest->right[node], level + 1);
    if (--s->on_path[feature] == 0)
        s->n_distinct--; /* it was the last one */
}

static uint32_t points_for(uint32_t n_distinct)
{
    uint32_t points = (n_distinct + 1) / 2;
    return points < 1 ? 1 : points > PAIRS_POINTS_MAX ? PAIRS_POINTS_MAX : points;
}

static void add_program(survey *s, size_t tree, size_t output)
{
    pairs_layout *layout = s->layout;
    s->root = s->forest->tree_start[tree];
    s->n_splits = s->n_partners = s->most_distinct = 0;
    survey_node(s, s->root, 0);
    if (s->n_splits == 0)
        return; /* only a bias */
    uint32_t points = points_for(s->most_distinct);
    layout->programs[layout->n_programs++] = (pairs_program){
        .tree = tree,
        .output = output,
        .mean = explain_mean(s->forest, tree, s->root, output),
        .n_points = points,
        .n_steps_max = 4 * s->n_splits + 2,
        .n_words_max = s->n_splits * (13 * (size_t)points + 3) + 1,
        .n_partners_max = s->n_partners,
    };
    layout->points_max = points > layout->points_max ? points : layout->points_max;
    layout->levels_max = s->depth > layout->levels_max ? s->depth : layout->levels_max;
}

static mw_status find_programs(const mw_forest *forest, pairs_layout *layout, mw_error *err)
{
    size_t most = 0;
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        most += explain_end_output(forest, tree) - explain_first_output(forest, tree);
    survey s = {.forest = forest,
                .layout = layout,
                .on_path = calloc(forest->n_features + 1, sizeof *s.on_path),
                .distinct = calloc(forest->n_features + 1, sizeof *s.distinct)};
    layout->programs = mw_arena_take_zeroed(&layout->arena, most, sizeof *layout->programs);
    bool taken = s.on_path && s.distinct && layout->programs;
    for (size_t m = 0; taken && m < forest->n_margins; m++)
        for (size_t tree = 0; tree < forest->n_trees; tree++)
            if (m >= explain_first_output(forest, tree) && m < explain_end_output(forest, tree))
                add_program(&s, tree, m);
    free(s.on_path);
    free(s.distinct);
    return taken ? MW_OK : fail_memory(err);
}

static mw_status find_points(pairs_layout *layout, mw_error *err)
{
    size_t most = layout->points_max;
    layout->points = mw_arena_take_zeroed(&layout->arena, (most + 1) * most + 1, sizeof(double));
    layout->weights = mw_arena_take_zeroed(&layout->arena, (most + 1) * most + 1, sizeof(double));
    if (!layout->points || !layout->weights)
        return fail_memory(err);
    for (size_t n = 1; n <= most; n++)
        quadrature_gauss(n, layout->points + n * most, layout->weights + n * most);
    return MW_OK;
}

/* ---- chunks ---------------------------------------------------------------------------------- */

typedef struct chunk_size {
    size_t steps, words, partners, slots;
} chunk_size;

static chunk_size size_of(const pairs_layout *layout, const pairs_chunk *chunk)
{
    chunk_size size = {0};
    for (size_t i = chunk->first_program; i < chunk->end_program; i++) {
        const pairs_program *program = &layout->programs[i];
        size.steps += program->n_steps_max;
        size.words += program->n_words_max;
        size.partners += program->n_partners_max;
        size.slots += program->n_partners_max + program->n_steps_max;
    }
    size.slots = size.slots < layout->n_ids ? size.slots : layout->n_ids;
    return size;
}

#define TAKE_LARGER(to, value) ((to) = (value) > (to) ? (value) : (to))

/* Returns the bytes of all lists. */
static size_t find_chunks(pairs_layout *layout)
{
    chunk_size all = {0};
    for (size_t i = 0; i < layout->n_programs;) {
        pairs_chunk chunk = {.first_program = i,
                             .output = layout->programs[i].output,
                             .first_step = all.steps,
                             .first_word = all.words,
                             .first_partner = all.partners,
                             .first_slot = all.slots};
        while (i < layout->n_programs && i - chunk.first_program < PAIRS_CHUNK_TREES &&
               layout->programs[i].output == chunk.output)
            i++;
        chunk.end_program = i;
        chunk_size size = size_of(layout, &chunk);
        all.steps += size.steps;
        all.words += size.words;
        all.partners += size.partners;
        all.slots += size.slots;
        TAKE_LARGER(layout->steps_max, size.steps);
        TAKE_LARGER(layout->words_max, size.words);
        TAKE_LARGER(layout->partners_max, size.partners);
        TAKE_LARGER(layout->slots_max, size.slots);
        layout->chunks[layout->n_chunks++] = chunk;
    }
    return all.steps * sizeof(pairs_step) + all.words * sizeof(int32_t) +
           all.partners * sizeof(pairs_partner) + all.slots * sizeof(uint32_t);
}

static pairs_lists lists_at(const pairs_layout *layout, const pairs_chunk *chunk)
{
    const pairs_lists *all = &layout->lists;
    return (pairs_lists){all->steps + chunk->first_step, all->words + chunk->first_word,
                         all->partners + chunk->first_partner, all->ids + chunk->first_slot,
                         chunk->n_slots};
}

static bool take_lists(pairs_layout *layout)
{
    mw_arena *arena = &layout->arena;
    chunk_size all = {0};
    for (size_t i = 0; i < layout->n_chunks; i++) {
        chunk_size size = size_of(layout, &layout->chunks[i]);
        all.steps += size.steps;
        all.words += size.words;
        all.partners += size.partners;
        all.slots += size.slots;
    }
    layout->lists = (pairs_lists){mw_arena_take(arena, all.steps * sizeof(pairs_step)),
                                  mw_arena_take(arena, all.words * sizeof(int32_t)),
                                  mw_arena_take(arena, all.partners * sizeof(pairs_partner)),
                                  mw_arena_take(arena, all.slots * sizeof(uint32_t)), 0};
    return layout->lists.steps && layout->lists.words && layout->lists.partners &&
           layout->lists.ids;
}

static mw_status keep_chunks(const mw_forest *forest, pairs_layout *layout, mw_error *err)
{
    pairs_path *path = calloc(layout->levels_max + (size_t)1, sizeof *path);
    uint32_t *slot_of = malloc((layout->n_ids + 1) * sizeof *slot_of);
    bool taken = path && slot_of && take_lists(layout);
    if (taken)
        memset(slot_of, 0xff, layout->n_ids * sizeof *slot_of);
    for (size_t i = 0; taken && i < layout->n_chunks; i++) {
        pairs_lists lists = lists_at(layout, &layout->chunks[i]);
        pairs_write(forest, layout, &layout->chunks[i], path, slot_of, &lists);
        layout->chunks[i].n_slots = lists.n_slots;
    }
    free(path);
    free(slot_of);
    layout->kept = taken;
    return taken ? MW_OK : fail_memory(err);
}

pairs_lists pairs_lists_of(const mw_forest *forest, const pairs_layout *layout,
                           const pairs_chunk *chunk, const pairs_memory *parts)
{
    if (layout->kept)
        return lists_at(layout, chunk);
    pairs_lists lists = parts->lists;
    memset(parts->slot_of, 0xff, layout->n_ids * sizeof *parts->slot_of);
    pairs_write(forest, layout, chunk, parts->path, parts->slot_of, &lists);
    return lists;
}

/* ---- life ------------------------------------------------------------------------------------ */

static mw_status fill(const mw_forest *forest, pairs_layout *layout, size_t kept_bytes_max,
                      mw_error *err)
{
    MW_TRY(find_places(forest, layout, err));
    MW_TRY(find_programs(forest, layout, err));
    MW_TRY(list_ids(forest, layout, err));
    MW_TRY(find_points(layout, err));
    layout->chunks =
        mw_arena_take_zeroed(&layout->arena, layout->n_programs + 1, sizeof *layout->chunks);
    if (!layout->chunks)
        return fail_memory(err);
    return find_chunks(layout) <= kept_bytes_max ? keep_chunks(forest, layout, err) : MW_OK;
}

mw_status pairs_lay_out_within(const mw_forest *forest, size_t kept_bytes_max, void **ret_layout,
                               mw_error *err)
{
    pairs_layout *layout = calloc(1, sizeof *layout);
    if (!layout)
        return fail_memory(err);
    mw_arena_init(&layout->arena, 64 * MW_KIB, SIZE_MAX / 2);
    mw_status status = fill(forest, layout, kept_bytes_max, err);
    if (status != MW_OK) {
        pairs_free(layout);
        return status;
    }
    *ret_layout = layout;
    return MW_OK;
}

mw_status pairs_lay_out(const mw_forest *forest, void **ret_layout, mw_error *err)
{
    return pairs_lay_out_within(forest, MW_LIMIT_EXPLAINER_BYTES, ret_layout, err);
}

void pairs_free(void *layout)
{
    if (!layout)
        return;
    mw_arena_done(&((pairs_layout *)layout)->arena);
    free(layout);
}

size_t pairs_bytes(const void *layout)
{
    const pairs_layout *l = layout;
    return sizeof *l + mw_arena_held_bytes(&l->arena);
}

/* ---- memory of a block ----------------------------------------------------------------------- */

size_t pairs_divide(const mw_forest *forest, const pairs_layout *layout, void *memory,
                    pairs_memory *ret_parts)
{
    const size_t line = PAIRS_ROWS_MAX * sizeof(float), column = PAIRS_BLOCK_ROWS * sizeof(double);
    size_t levels = layout->levels_max + (size_t)1, per_level = levels * layout->points_max * line;
    size_t written = layout->kept ? 0 : 1, used = 0;
    void *parts[14];
    const size_t bytes[14] = {
        forest->n_columns * column,
        layout->n_ids * column,
        layout->slots_max * line,
        per_level,
        per_level,
        per_level,
        per_level,
        2 * per_level,
        3 * levels * line,
        written * layout->n_ids * sizeof(uint32_t),
        written * levels * sizeof(pairs_path),
        written * layout->steps_max * sizeof(pairs_step),
        written * layout->words_max * sizeof(int32_t),
        written *
            (layout->partners_max * sizeof(pairs_partner) + layout->slots_max * sizeof(uint32_t)),
    };
    for (size_t i = 0; i < MW_COUNT(parts); i++) {
        parts[i] = memory ? (char *)memory + used : NULL;
        used += (bytes[i] + PAIRS_LINE - 1) / PAIRS_LINE * PAIRS_LINE;
    }
    pairs_partner *partners = parts[13];
    uint32_t *ids = partners ? (uint32_t *)(partners + written * layout->partners_max) : NULL;
    *ret_parts = (pairs_memory){
        .columns = parts[0],
        .totals = parts[1],
        .slots = parts[2],
        .products = parts[3],
        .terms = parts[4],
        .news = parts[5],
        .parts = parts[6],
        .sums = parts[7],
        .masks = parts[8],
        .slot_of = parts[9],
        .path = parts[10],
        .lists = {parts[11], parts[12], partners, ids, 0},
    };
    return used;
}

size_t pairs_memory_bytes(const mw_forest *forest, const void *layout)
{
    pairs_memory parts;
    return pairs_divide(forest, layout, NULL, &parts);
}

void pairs_read(const mw_forest *forest, const explain_block *block, double *ret_columns)
{
    for (size_t f = 0; f < forest->n_columns; f++, ret_columns += PAIRS_BLOCK_ROWS) {
        for (size_t r = 0; r < PAIRS_BLOCK_ROWS; r++) {
            size_t row = block->first + (r < block->n_rows ? r : block->n_rows - 1);
            ret_columns[r] = predict_value(forest->input, predict_read(block->rows, row, f));
        }
    }
}

void pairs_put(const mw_forest *forest, const pairs_layout *layout, const explain_block *block,
               size_t output, const double *totals)
{
    size_t side = forest->n_features + 1, matrix = side * side;
    for (size_t r = 0; r < block->n_rows; r++) {
        double *values = block->values + (r * forest->n_margins + output) * matrix;
        for (size_t id = 0; id < layout->n_ids; id++) {
            size_t a = layout->ids[id].a, b = layout->ids[id].b;
            double total = totals[id * PAIRS_BLOCK_ROWS + r];
            values[a * side + b] = a == b ? total : total / 2;
            values[b * side + a] = values[a * side + b];
        }
    }
}
