/* Between the sorts of this room: insertion, for what is few or almost in order. */
#ifndef STATS_INSERTION_H
#define STATS_INSERTION_H

#include <stdbool.h>
#include <stddef.h>

/* bool name(type *values, size_t n, size_t moves): n values in ascending order. False when it would
 * move more than `moves` places: they are in some other order. */
#define STATS_INSERTION(name, type)                               \
    static inline bool name(type *values, size_t n, size_t moves) \
    {                                                             \
        for (size_t i = 1; i < n; i++) {                          \
            type value = values[i];                               \
            size_t at = i;                                        \
            for (; at > 0 && values[at - 1] > value; at--)        \
                values[at] = values[at - 1];                      \
            values[at] = value;                                   \
            if (i - at > moves)                                   \
                return false;                                     \
            moves -= i - at;                                      \
        }                                                         \
        return true;                                              \
    }

#endif
