/* General trees as paths: see bytes.h for the picture.
 *
 * Each path goes up from a node with two leaves, at every node taking the child that is higher. So
 * what stands beside a path are leaves and the tops of lower paths, which are found before it:
 *
 *              f                  path a c e f    steps c: beside it a leaf, e: path d, f: a leaf
 *            e   .                path d          beside no other: level 0, as b would be
 *          c   d                  level of a path: above those of all paths beside it
 *         a .  . .
 *        . .
 *
 * Paths are sorted by level and then by length, so that the loop over steps ends where the
 * processor expects it: a loop that ends elsewhere costs as much as two steps. */
#include <assert.h>

#include "bytes_draft.h"

#include "base/banned.h"

/* Leaves that stand beside a path are read from memory; they get the lowest numbers, so that few
 * constants are touched. */
static void number_leaves(trees_draft *draft, size_t tree, size_t n_splits)
{
    const mw_forest *forest = draft->forest;
    size_t root = forest->tree_start[tree];
    uint32_t next = 0;
    for (unsigned of_pairs = 0; of_pairs < 2; of_pairs++) {
        for (size_t i = 0; i < n_splits; i++) {
            uint32_t at = draft->splits[i];
            if ((draft->height[at] == 1) != of_pairs)
                continue;
            const uint32_t child[] = {forest->left[root + at], forest->right[root + at]};
            for (unsigned side = 0; side < 2; side++) {
                if (bytes_is_leaf(forest, root + child[side])) {
                    bytes_put_leaf(draft, tree, next, root + child[side]);
                    draft->line[child[side]] = next++;
                }
            }
        }
    }
}

/* The child that the path through a node comes from. */
static uint32_t below(const trees_draft *draft, size_t root, uint32_t at)
{
    uint32_t left = draft->forest->left[root + at], right = draft->forest->right[root + at];
    return draft->height[left] >= draft->height[right] ? left : right;
}

static uint32_t beside(const trees_draft *draft, size_t root, uint32_t at)
{
    uint32_t left = draft->forest->left[root + at], right = draft->forest->right[root + at];
    return draft->height[left] >= draft->height[right] ? right : left;
}

/* A path: its highest node, and what it is sorted by. */
typedef struct path_top {
    uint32_t node;
    bytes_way way;
} path_top;

static uint16_t level_of(const path_top *top)
{
    return top->way.level;
}

static uint16_t length_of(const path_top *top)
{
    return top->way.n_steps;
}

/* By a number below BYTES_LEAVES_MAX; what is equal stays in order. A third of the time that
 * comparisons take, of which a large model has a million. */
static void sort_tops(const path_top *from, size_t n, uint16_t (*number_of)(const path_top *top),
                      path_top *to)
{
    uint16_t begin[BYTES_LEAVES_MAX + 1] = {0};
    for (size_t i = 0; i < n; i++)
        begin[number_of(&from[i]) + 1]++;
    for (size_t i = 0; i < BYTES_LEAVES_MAX; i++)
        begin[i + 1] = (uint16_t)(begin[i + 1] + begin[i]);
    for (size_t i = 0; i < n; i++)
        to[begin[number_of(&from[i])]++] = from[i];
}

/* All paths of a tree, by level and then by length; how many. */
static size_t list_paths(trees_draft *draft, size_t root, size_t n_splits, path_top *ret_tops)
{
    size_t n = 0;
    for (size_t i = n_splits; i-- > 0;) {
        uint32_t at = draft->splits[i];
        bytes_way *way = &draft->way[at];
        *way = (bytes_way){0, 0};
        if (draft->height[at] == 1)
            continue;
        uint32_t sibling = beside(draft, root, at);
        *way = draft->way[below(draft, root, at)];
        way->n_steps++;
        if (draft->height[sibling] > 0) {
            ret_tops[n++] = (path_top){sibling, draft->way[sibling]};
            if (draft->way[sibling].level >= way->level)
                way->level = (uint16_t)(draft->way[sibling].level + 1);
        }
    }
    ret_tops[n++] = (path_top){0, draft->way[0]};
    path_top by_length[BYTES_LEAVES_MAX / 2];
    sort_tops(ret_tops, n, length_of, by_length);
    sort_tops(by_length, n, level_of, ret_tops);
    return n;
}

static uint16_t place_of(const trees_draft *draft, size_t root, uint32_t node)
{
    size_t place = bytes_constants_bytes(draft->layout) + draft->line[node] * BYTES_ROWS;
    if (bytes_is_leaf(draft->forest, root + node))
        place = draft->line[node] * BYTES_CONSTANT;
    assert(place <= UINT16_MAX);
    return (uint16_t)place;
}

static uint16_t column_of(const trees_draft *draft, size_t node)
{
    return (uint16_t)(draft->places.column[node] / BYTES_ROWS);
}

static bytes_step step_at(const trees_draft *draft, size_t root, uint32_t at)
{
    const mw_forest *forest = draft->forest;
    uint32_t sibling = beside(draft, root, at);
    bool other_is_right = sibling == forest->right[root + at];
    return (bytes_step){.column = column_of(draft, root + at),
                        .rank = bytes_stored_rank(draft->places.rank[root + at]),
                        .other = place_of(draft, root, sibling),
                        .moves = !bytes_is_leaf(forest, root + sibling),
                        .flip = other_is_right ? 255 : 0};
}

/* From the top down. The line of the first path beside this one is free when this one is found. */
static bytes_path fill_path(trees_draft *draft, size_t root, const path_top *top, uint32_t *n_lines,
                            bytes_step *steps)
{
    const mw_forest *forest = draft->forest;
    uint32_t at = top->node, line = UINT32_MAX;
    for (size_t i = top->way.n_steps; i-- > 0; at = below(draft, root, at)) {
        steps[i] = step_at(draft, root, at);
        if (steps[i].moves)
            line = draft->line[beside(draft, root, at)];
    }
    draft->line[top->node] = line == UINT32_MAX ? (*n_lines)++ : line;
    return (bytes_path){.column = column_of(draft, root + at),
                        .rank = bytes_stored_rank(draft->places.rank[root + at]),
                        .left = (uint8_t)draft->line[forest->left[root + at]],
                        .right = (uint8_t)draft->line[forest->right[root + at]],
                        .n_steps = (uint8_t)top->way.n_steps,
                        .result = place_of(draft, root, top->node)};
}

void bytes_fill_paths(trees_draft *draft, size_t tree, size_t n_splits)
{
    bytes_tree *plan = &draft->layout->trees[tree];
    size_t root = draft->forest->tree_start[tree];
    bytes_path *paths = (bytes_path *)(draft->layout->data + plan->nodes);
    bytes_step *steps = (bytes_step *)(paths + plan->n_paths);
    path_top tops[BYTES_LEAVES_MAX / 2];
    number_leaves(draft, tree, n_splits);
    if (plan->n_paths == 0) {
        bytes_put_leaf(draft, tree, 0, root);
        return;
    }
    size_t n_paths = list_paths(draft, root, n_splits, tops);
    assert(n_paths == plan->n_paths);
    uint32_t n_lines = 0;
    for (size_t i = 0; i < n_paths; i++) {
        paths[i] = fill_path(draft, root, &tops[i], &n_lines, steps);
        steps += paths[i].n_steps;
        plan->n_plain = (uint16_t)(plan->n_plain + (tops[i].way.level == 0));
    }
}
