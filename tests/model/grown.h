/* The nodes of a forest, whether it was read as nodes or as levels. */
#ifndef TESTS_MODEL_GROWN_H
#define TESTS_MODEL_GROWN_H

#include "../test.h"

#include "model/model.h"

static inline const mw_forest *grown(const mw_forest *forest)
{
    mw_error err;
    const mw_forest *nodes = NULL;
    assert_int_equal(mw_forest_grow(forest, &nodes, &err), MW_OK);
    assert_null(nodes->levels);
    return nodes;
}

#endif
