/* SPDX-License-Identifier: MIT */
/* The whole interface: the bytes are a program of calls (stateful/program.h), made on two sides with different numbers of threads
 * and held against definitions in double precision. */
#include "fuzz.h"
#include "stateful/calls.h"

#define MOST_CALLS 64 /* so that no program takes long                                                        */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct world world;
    open_world(&world, bytes, size);
    for (int32_t n = 0; n < MOST_CALLS && program_goes_on(&world.program); n++)
        calls[choose(&world.program, n_calls)](&world);
    close_world(&world);
    return 0;
}
