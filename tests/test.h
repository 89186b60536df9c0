/* What every unit test includes: cmocka and the headers it wants before it. */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Of many random cases the plain build tries all, one that a sanitizer watches every tenth: it is
 * that much slower, and looks for faults of memory and threads, which need no rare number. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_WATCHED 1
enum { TEST_SHARE = 10 };
#else
#define TEST_WATCHED 0
enum { TEST_SHARE = 1 };
#endif

#endif
