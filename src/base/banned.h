/* Calls that cannot be used safely become compile errors (the habit of git's banned.h). */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef __clang__ /* its fortified headers make macros of these, which it then warns about */
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol atoll atof gets \
    gmtime localtime asctime ctime tmpnam
#endif

#endif
