/* Which leaves get tables: groups are found, counted, and written; tables.h has the picture. */
#include "tables.h"

#include <assert.h>
#include <stdlib.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "base/banned.h"

enum { DEPTH_MAX = 64 }; /* of a group's root: chains of a thousand leaves would take a while */

/* ---- finding --------------------------------------------------------------------------------- */

typedef struct finder finder;
typedef void visit_group(finder *f, const tables_draft *draft);

struct finder {
    const mw_forest *forest;
    const explain_ranks *ranks;
    visit_group *visit;
    void *context;
    uint8_t *covered; /* or NULL: only look */
    size_t tree;
    tables_edge *path; /* max_depth */
    size_t depth;
    uint32_t features[TABLES_LANES_MAX], n_splits[TABLES_LANES_MAX]; /* on the path */
    size_t n_features;
};

/* The nodes of a subtree ask for bits and lanes of their own. false: for too many. */
static bool add_nodes(const finder *f, tables_draft *draft, size_t node)
{
    if (f->forest->left[node] == MW_NO_CHILD)
        return true;
    size_t bit = draft->n_path_bits;
    while (bit < draft->n_bits && !tables_same_test(f->ranks, draft->nodes[bit], node))
        bit++;
    if (bit == draft->n_bits) {
        if (draft->n_bits == TABLES_BITS_MAX)
            return false;
        draft->nodes[draft->n_bits++] = node;
    }
    uint32_t feature = explain_feature(f->forest, node);
    size_t lane = tables_lane(draft, feature);
    if (lane == draft->n_lanes) {
        if (draft->n_lanes == TABLES_LANES_MAX)
            return false;
        draft->features[draft->n_lanes++] = feature;
    }
    size_t root = f->forest->tree_start[f->tree];
    return add_nodes(f, draft, root + f->forest->left[node]) &&
           add_nodes(f, draft, root + f->forest->right[node]);
}

/* Tests of one bit; those on one column in one direction are as good as the strictest of them. */
static size_t add_test(const explain_ranks *ranks, size_t node, int16_t flip, tables_test *tests,
                       size_t n_tests)
{
    uint32_t column = ranks->node_column[node];
    int16_t below = (int16_t)(ranks->node_cut[node] + 1);
    for (size_t i = 0; i < n_tests; i++) {
        if (tests[i].column == column && tests[i].flip == flip) {
            bool stricter = flip ? below > tests[i].below : below < tests[i].below;
            tests[i].below = stricter ? below : tests[i].below;
            return n_tests;
        }
    }
    if (n_tests < TABLES_TESTS_MAX)
        tests[n_tests] = (tables_test){.column = column, .below = below, .flip = flip};
    return n_tests + 1;
}

/* All tests of a group, in the order of its bits; more than TABLES_TESTS_MAX: it is none. */
static size_t list_tests(const mw_forest *forest, const explain_ranks *ranks,
                         const tables_draft *draft, tables_test *ret_tests)
{
    size_t n = 0, unit = tables_entry_bytes(draft->n_lanes);
    for (size_t bit = 0; bit < draft->n_bits && n <= TABLES_TESTS_MAX; bit++) {
        tables_test *own = ret_tests + n;
        size_t n_own = 0;
        if (bit >= draft->n_path_bits)
            n_own = add_test(ranks, draft->nodes[bit], 0, own, 0);
        for (size_t level = 0; bit < draft->n_path_bits && level < draft->depth; level++) {
            const tables_edge *edge = &draft->path[level];
            if (explain_feature(forest, edge->node) == draft->features[bit] &&
                n + n_own <= TABLES_TESTS_MAX)
                n_own = add_test(ranks, edge->node, draft->repeats[bit] && !edge->left ? -1 : 0,
                                 own, n_own);
        }
        n += n_own;
        if (n <= TABLES_TESTS_MAX)
            ret_tests[n - 1].value = (uint16_t)(unit << bit);
    }
    return n;
}

static bool is_group(const finder *f, size_t node, tables_draft *ret_draft)
{
    tables_test tests[TABLES_TESTS_MAX];
    *ret_draft = (tables_draft){.tree = f->tree,
                                .root = node,
                                .path = f->path,
                                .depth = f->depth,
                                .n_path_bits = f->n_features,
                                .n_bits = f->n_features,
                                .n_lanes = f->n_features};
    for (size_t i = 0; i < f->n_features; i++) {
        ret_draft->features[i] = f->features[i];
        ret_draft->repeats[i] = f->n_splits[i] > 1;
    }
    return add_nodes(f, ret_draft, node) && ret_draft->n_bits > 0 &&
           list_tests(f->forest, f->ranks, ret_draft, tests) <= TABLES_TESTS_MAX;
}

/* Returns whether all of the subtree has tables. */
static bool find_below(finder *f, size_t node);

static bool find_child(finder *f, size_t node, bool left)
{
    size_t root = f->forest->tree_start[f->tree], at = 0;
    size_t child = root + (left ? f->forest->left[node] : f->forest->right[node]);
    uint32_t feature = explain_feature(f->forest, node);
    while (at < f->n_features && f->features[at] != feature)
        at++;
    if (at == TABLES_LANES_MAX || f->depth == DEPTH_MAX)
        return false; /* nor has anything below */
    if (at == f->n_features) {
        f->features[f->n_features] = feature;
        f->n_splits[f->n_features++] = 0;
    }
    f->n_splits[at]++;
    f->path[f->depth++] = (tables_edge){node, child, left};
    bool all = find_below(f, child);
    f->depth--;
    if (--f->n_splits[at] == 0)
        f->n_features--; /* it was the last one */
    return all;
}

/* Apart from the recursion, whose frames stay small. */
static __attribute__((noinline)) bool take_group(finder *f, size_t node)
{
    tables_draft draft;
    if (!is_group(f, node, &draft))
        return false;
    f->visit(f, &draft);
    return true;
}

static bool find_below(finder *f, size_t node)
{
    bool all = take_group(f, node);
    if (!all && f->forest->left[node] != MW_NO_CHILD) {
        bool left = find_child(f, node, true), right = find_child(f, node, false);
        all = left && right;
    }
    if (f->covered)
        f->covered[node] = all;
    return all;
}

static void find_groups(finder *f, size_t tree)
{
    f->tree = tree;
    find_below(f, f->forest->tree_start[tree]);
}

/* ---- counting -------------------------------------------------------------------------------- */

static size_t table_bytes(const tables_draft *draft)
{
    size_t bytes = tables_entry_bytes(draft->n_lanes) << draft->n_bits;
    return (bytes + TABLES_ALIGN - 1) / TABLES_ALIGN * TABLES_ALIGN;
}

typedef struct tables_count {
    size_t n_jobs, n_groups, n_tests, bytes;
} tables_count;

static void count_group(finder *f, const tables_draft *draft)
{
    tables_count *count = f->context;
    tables_test tests[TABLES_TESTS_MAX];
    count->n_groups++;
    count->n_tests += list_tests(f->forest, f->ranks, draft, tests);
    count->bytes += table_bytes(draft);
}

/* Which trees have tables: those before the limit is reached. `ret_count` is of all of them. */
static void choose_trees(finder *f, size_t bytes_max, bool *ret_chosen, tables_count *ret_count)
{
    const mw_forest *forest = f->forest;
    f->visit = count_group;
    *ret_count = (tables_count){0};
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        tables_count one = {0};
        size_t n_outputs = explain_end_output(forest, tree) - explain_first_output(forest, tree);
        f->context = &one;
        find_groups(f, tree);
        if (one.bytes > (bytes_max - ret_count->bytes) / n_outputs)
            continue;
        ret_chosen[tree] = one.n_groups > 0;
        ret_count->n_jobs += one.n_groups > 0 ? n_outputs : 0;
        ret_count->n_groups += one.n_groups * n_outputs;
        ret_count->n_tests += one.n_tests * n_outputs;
        ret_count->bytes += one.bytes * n_outputs;
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

typedef struct tables_maker {
    explain_tables *tables;
    tables_room *room;
    const tables_usual *usual; /* or NULL */
    uint32_t *slot_of;         /* n_places: of this chunk, or UINT32_MAX */
    size_t output, n_outputs;  /* those before are done */
    double mean;
    size_t n_bytes;
    bool begins_output, begins_tree;
    tables_test last[TABLES_TESTS_MAX]; /* of the group before this one, all of them */
    size_t n_last;
} tables_maker;

static bool same_test(const tables_test *a, const tables_test *b)
{
    return a->column == b->column && a->below == b->below && a->flip == b->flip &&
           a->value == b->value;
}

/* How many bits begin as those of the group before; *ret_tests: their tests. */
static size_t shared_bits(const tables_maker *maker, const tables_test *tests, size_t n_tests,
                          size_t *ret_tests)
{
    size_t n_bits = 0;
    *ret_tests = 0;
    for (size_t i = 0; i < n_tests && i < maker->n_last; i++) {
        if (!same_test(&tests[i], &maker->last[i]))
            break;
        if (tests[i].value) {
            n_bits++;
            *ret_tests = i + 1;
        }
    }
    return n_bits;
}

/* The latest group that computes the first n bits saves them. */
static void save_bits(explain_tables *tables, size_t group, size_t n)
{
    size_t from = group - 1;
    while (tables->groups[from].n_kept >= n)
        from--;
    tables_test *test = tables->tests + tables->groups[from].first_test;
    for (size_t bit = tables->groups[from].n_kept;; test++) {
        bit += test->value != 0;
        if (bit == n && test->value) {
            test->save = (uint16_t)n;
            return;
        }
    }
}

static void put_tests(finder *f, const tables_draft *draft, tables_group *group)
{
    tables_maker *maker = f->context;
    explain_tables *tables = maker->tables;
    tables_test tests[TABLES_TESTS_MAX];
    size_t n_tests = list_tests(f->forest, f->ranks, draft, tests), n_shared = 0;
    if (!group->begins_tree)
        group->n_kept = (uint8_t)shared_bits(maker, tests, n_tests, &n_shared);
    if (group->n_kept > 0)
        save_bits(tables, tables->n_groups, group->n_kept);
    group->first_test = (uint32_t)tables->n_tests;
    group->n_tests = (uint32_t)(n_tests - n_shared);
    memcpy(tables->tests + tables->n_tests, tests + n_shared, (n_tests - n_shared) * sizeof *tests);
    tables->n_tests += n_tests - n_shared;
    memcpy(maker->last, tests, n_tests * sizeof *tests);
    maker->n_last = n_tests;
    group->is_plain = true;
    for (size_t i = n_shared; i < n_tests; i++)
        group->is_plain = group->is_plain && tests[i].value && !tests[i].flip;
}

static uint32_t slot_of(tables_maker *maker, uint32_t place)
{
    explain_tables *tables = maker->tables;
    tables_chunk *chunk = &tables->chunks[tables->n_chunks - 1];
    if (maker->slot_of[place] == UINT32_MAX) {
        maker->slot_of[place] = (uint32_t)chunk->n_slots++;
        tables->slot_places[tables->n_slots++] = place;
    }
    return maker->slot_of[place];
}

static void begin_chunk(tables_maker *maker)
{
    explain_tables *tables = maker->tables;
    tables->chunks[tables->n_chunks++] =
        (tables_chunk){.first_group = tables->n_groups, .first_slot = tables->n_slots};
}

static void end_chunk(tables_maker *maker)
{
    explain_tables *tables = maker->tables;
    tables_chunk *chunk = &tables->chunks[tables->n_chunks - 1];
    chunk->end_group = tables->n_groups;
    for (size_t slot = 0; slot < chunk->n_slots; slot++)
        maker->slot_of[tables->slot_places[chunk->first_slot + slot]] = UINT32_MAX;
    if (chunk->n_slots > tables->slots_max)
        tables->slots_max = chunk->n_slots;
}

/* The chunk of the next group; one that is full ends before it. */
static void choose_chunk(tables_maker *maker)
{
    explain_tables *tables = maker->tables;
    if (maker->begins_output) {
        begin_chunk(maker);
        maker->begins_output = false;
    }
    tables_chunk *chunk = &tables->chunks[tables->n_chunks - 1];
    if (tables->n_groups - chunk->first_group == TABLES_CHUNK_GROUPS) {
        end_chunk(maker);
        begin_chunk(maker);
        maker->begins_tree = true;
    }
}

static void put_group(finder *f, const tables_draft *draft)
{
    tables_maker *maker = f->context;
    explain_tables *tables = maker->tables;
    choose_chunk(maker);
    tables_group *group = &tables->groups[tables->n_groups];
    *group = (tables_group){.table = maker->n_bytes,
                            .n_lanes = (uint8_t)draft->n_lanes,
                            .begins_tree = maker->begins_tree};
    put_tests(f, draft, group);
    for (size_t lane = 0; lane < draft->n_lanes; lane++)
        group->slots[lane] = slot_of(maker, f->ranks->places[draft->features[lane]]);
    if (maker->usual)
        tables_count_usual(maker->usual, maker->last, maker->n_last, draft->n_bits,
                           maker->room->counts);
    tables_write(f->forest, f->ranks, draft, maker->output, maker->mean,
                 maker->usual ? maker->usual->n_rows : 0, maker->room,
                 (float *)(tables->data + maker->n_bytes));
    maker->n_bytes += table_bytes(draft);
    maker->begins_tree = false;
    tables->n_groups++;
}

/* A tree for one of its margins. */
typedef struct tables_job {
    size_t tree, output;
} tables_job;

/* By margin; those of one margin stay in file order. `next` is n_margins + 1 zeros. */
static size_t list_jobs(const mw_forest *forest, const bool *chosen, size_t *next,
                        tables_job *ret_jobs)
{
    for (int pass = 0; pass < 2; pass++) {
        for (size_t tree = 0; tree < forest->n_trees; tree++) {
            size_t first = explain_first_output(forest, tree);
            for (size_t m = first; chosen[tree] && m < explain_end_output(forest, tree); m++) {
                if (pass == 0)
                    next[m + 1]++;
                else
                    ret_jobs[next[m]++] = (tables_job){tree, m};
            }
        }
        for (size_t m = 0; pass == 0 && m < forest->n_margins; m++)
            next[m + 1] += next[m];
    }
    return next[forest->n_margins];
}

static void put_tree(finder *f, const tables_job *job)
{
    tables_maker *maker = f->context;
    maker->begins_output = maker->tables->n_chunks == 0 || maker->output != job->output;
    if (maker->begins_output && maker->tables->n_chunks > 0)
        end_chunk(maker);
    while (maker->n_outputs <= job->output)
        maker->tables->first_chunk[maker->n_outputs++] = maker->tables->n_chunks;
    maker->output = job->output;
    maker->begins_tree = true;
    maker->mean = maker->usual ? tables_usual_mean(f->forest, job->tree, job->output)
                               : explain_mean(f->forest, job->tree,
                                              f->forest->tree_start[job->tree], job->output);
    find_groups(f, job->tree);
}

static void put_jobs(finder *f, const tables_job *jobs, size_t n_jobs)
{
    tables_maker *maker = f->context;
    for (size_t i = 0; i < n_jobs; i++)
        put_tree(f, &jobs[i]);
    if (n_jobs > 0)
        end_chunk(maker);
    while (maker->n_outputs <= f->forest->n_margins)
        maker->tables->first_chunk[maker->n_outputs++] = maker->tables->n_chunks;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* A row reads a line here and there of many megabytes: with pages of 4 KiB each is a miss of the
 * processor's list of pages, too. A wish only; where it is not granted nothing is lost. */
static void wish_large_pages(char *data, size_t bytes)
{
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    const uintptr_t page = 4096, begin = ((uintptr_t)data + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)data + bytes) / page * page;
    if (data && end > begin)
        (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
    (void)data;
    (void)bytes;
#endif
}

static bool take_tables(const mw_forest *forest, mw_arena *arena, const tables_count *count,
                        explain_tables *tables)
{
    size_t slots = count->n_groups * TABLES_LANES_MAX;
    /* a line is read as if it had all its lanes */
    tables->data = mw_arena_take(arena, count->bytes + TABLES_LANES_MAX * sizeof(float));
    wish_large_pages(tables->data, count->bytes);
    tables->tests = mw_arena_take(arena, count->n_tests * sizeof *tables->tests);
    tables->groups = mw_arena_take(arena, count->n_groups * sizeof *tables->groups);
    tables->chunks = mw_arena_take(arena, (count->n_groups + 1) * sizeof *tables->chunks);
    tables->slot_places = mw_arena_take(arena, slots * sizeof *tables->slot_places);
    tables->first_chunk =
        mw_arena_take_zeroed(arena, forest->n_margins + 1, sizeof *tables->first_chunk);
    tables->data_bytes = count->bytes;
    return tables->data && tables->tests && tables->groups && tables->chunks &&
           tables->slot_places && tables->first_chunk;
}

/* Memory that is needed only here. */
typedef struct making {
    bool *chosen;
    tables_edge *path;
    size_t *next; /* n_margins + 1 */
    tables_maker maker;
} making;

static mw_status make(finder *f, making *m, size_t bytes_max, mw_arena *arena, uint8_t *covered,
                      mw_error *err)
{
    tables_count count;
    const mw_forest *forest = f->forest;
    choose_trees(f, bytes_max, m->chosen, &count);
    if (!take_tables(forest, arena, &count, m->maker.tables))
        return mw_fail_memory(err, "the explainer");
    *f = (finder){.forest = forest,
                  .ranks = f->ranks,
                  .visit = put_group,
                  .context = &m->maker,
                  .covered = covered,
                  .path = m->path};
    tables_job *jobs = malloc((count.n_jobs + 1) * sizeof *jobs);
    if (!jobs)
        return mw_fail_memory(err, "the explainer");
    put_jobs(f, jobs, list_jobs(forest, m->chosen, m->next, jobs));
    free(jobs);
    assert(m->maker.n_bytes == count.bytes);
    return words_make(m->maker.tables, f->ranks, arena, err);
}

mw_status tables_make(const mw_forest *forest, const explain_ranks *ranks,
                      const tables_usual *usual, size_t bytes_max, mw_arena *arena,
                      explain_tables *ret_tables, uint8_t *ret_covered, mw_error *err)
{
    *ret_tables = (explain_tables){0};
    making m = {.chosen = calloc(forest->n_trees + 1, sizeof *m.chosen),
                .path = calloc(DEPTH_MAX, sizeof *m.path),
                .next = calloc(forest->n_margins + 2, sizeof *m.next),
                .maker = {.tables = ret_tables,
                          .usual = usual,
                          .room = malloc(sizeof *m.maker.room),
                          .slot_of = malloc((ranks->n_places + 1) * sizeof *m.maker.slot_of)}};
    finder f = {.forest = forest, .ranks = ranks, .path = m.path};
    mw_status status;
    if (m.chosen && m.path && m.next && m.maker.room && m.maker.slot_of) {
        memset(m.maker.slot_of, 0xff, ranks->n_places * sizeof *m.maker.slot_of);
        status = make(&f, &m, bytes_max, arena, ret_covered, err);
    } else {
        status = mw_fail_memory(err, "the explainer");
    }
    free(m.chosen);
    free(m.path);
    free(m.next);
    free(m.maker.room);
    free(m.maker.slot_of);
    return status;
}
