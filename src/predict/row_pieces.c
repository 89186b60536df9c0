/* What hangs below the tops, cut into pieces; see row.h for the picture. */
#include <stdlib.h>

#include "row_draft.h"

#include "base/banned.h"

/* A piece while it grows: its questions, and its exits with the answers that lead to them. */
typedef struct growing {
    size_t n_questions, n_exits;
    uint32_t question[ROW_EXITS], exit[ROW_EXITS];
    uint16_t care[ROW_EXITS], want[ROW_EXITS];
} growing;

/* The exit with a question behind it that most rows come to, or ROW_EXITS. */
static size_t busiest_exit(const row_draft *draft, size_t root, const growing *piece)
{
    size_t best = ROW_EXITS;
    for (size_t e = 0; e < piece->n_exits; e++) {
        if (row_is_leaf(draft->forest, root + piece->exit[e]))
            continue;
        if (best == ROW_EXITS || draft->share[piece->exit[e]] > draft->share[piece->exit[best]])
            best = e;
    }
    return best;
}

static void open_exit(const mw_forest *forest, size_t root, growing *piece, size_t e)
{
    uint32_t node = piece->exit[e];
    uint16_t bit = (uint16_t)(1 << piece->n_questions);
    size_t right = piece->n_exits++;
    piece->question[piece->n_questions++] = node;
    piece->care[e] |= bit;
    piece->care[right] = piece->care[e];
    piece->want[right] = piece->want[e] | bit;
    piece->exit[e] = forest->left[root + node];
    piece->exit[right] = forest->right[root + node];
}

static growing grow(const row_draft *draft, size_t root, uint32_t node)
{
    growing piece = {.n_exits = 1, .exit = {node}};
    while (piece.n_exits < ROW_EXITS) {
        size_t e = busiest_exit(draft, root, &piece);
        if (e == ROW_EXITS)
            break;
        open_exit(draft->forest, root, &piece, e);
    }
    return piece;
}

static void put_questions(row_draft *draft, size_t root, const growing *from, size_t first_bit,
                          row_piece *to)
{
    for (size_t q = 0; q < from->n_questions; q++) {
        size_t node = root + from->question[q], bit = first_bit + q;
        if (!(draft->forest->flags[node] & MW_NODE_CATEGORICAL)) {
            row_put_number(draft, node, &to->column[q], &to->rank[q]);
            continue;
        }
        to->rank[q] = ROW_NEVER;
        to->set_mask |= (uint16_t)(1 << q);
        row_put_set(draft, node, draft->layout->table_words + bit / 8, bit % 8);
    }
}

static void put_exits(row_draft *draft, size_t tree, const growing *from, row_piece *to)
{
    size_t root = draft->forest->tree_start[tree];
    for (size_t e = 0; e < from->n_exits; e++) {
        uint32_t value = to->first + (uint32_t)e;
        if (row_is_leaf(draft->forest, root + from->exit[e])) {
            row_put_leaf(draft, tree, root + from->exit[e], value);
            continue;
        }
        to->goes_on |= (uint16_t)(1 << e);
        draft->rests[draft->n_rests++] = (row_rest){from->exit[e], value};
    }
}

static bool take_piece(row_draft *draft)
{
    row_layout *layout = draft->layout;
    if (layout->n_pieces < draft->pieces_room)
        return true;
    size_t room = 2 * draft->pieces_room + 64;
    row_piece *pieces = aligned_alloc(PREDICT_LINE, room * sizeof *pieces);
    if (!pieces)
        return false;
    if (layout->n_pieces > 0)
        memcpy(pieces, layout->pieces, layout->n_pieces * sizeof *pieces);
    free(layout->pieces);
    layout->pieces = pieces;
    draft->pieces_room = room;
    return true;
}

/* *set_bits: bits of this tree's words that are taken; a piece's bits lie in one word. */
static void cut_piece(row_draft *draft, size_t tree, row_rest rest, size_t *set_bits)
{
    row_layout *layout = draft->layout;
    size_t root = draft->forest->tree_start[tree];
    growing from = grow(draft, root, rest.node);
    row_piece to = {.first = row_take_values(draft, from.n_exits)};
    if (!draft->enough || !take_piece(draft)) {
        draft->enough = false;
        return;
    }
    uint32_t number = (uint32_t)layout->n_pieces++;
    memcpy(layout->values + rest.value * layout->leaf_bytes, &number, sizeof number);
    if (*set_bits % 64 + from.n_questions > 64)
        *set_bits = (*set_bits + 63) / 64 * 64;
    size_t first_bit = 64 * draft->n_set_words + *set_bits;
    put_questions(draft, root, &from, first_bit, &to);
    put_exits(draft, tree, &from, &to);
    if (to.set_mask) {
        to.set_word = (uint32_t)(first_bit / 64);
        to.set_shift = (uint8_t)(first_bit % 64);
        *set_bits += from.n_questions;
    }
    for (size_t e = 0; e < ROW_EXITS; e++) {
        to.care[e] = e < from.n_exits ? from.care[e] : 0;
        to.want[e] = e < from.n_exits ? from.want[e] : UINT16_MAX;
    }
    layout->pieces[number] = to;
}

void row_cut_pieces(row_draft *draft, size_t tree)
{
    size_t set_bits = 0;
    for (size_t i = 0; draft->enough && i < draft->n_rests; i++)
        cut_piece(draft, tree, draft->rests[i], &set_bits);
    draft->n_set_words += (set_bits + 63) / 64;
}
