// SPDX-License-Identifier: MIT
// What the tests of adaptau.hpp share: they count what does not hold, and go on.
#ifndef TEST_CPP_EXPECT_HPP
#define TEST_CPP_EXPECT_HPP

#include <adaptau/adaptau.hpp>

#include <cstdio>
#include <cstring>

namespace {

int n_failed = 0;

void expect(bool holds, const char *what)
{
    if (!holds) {
        std::fprintf(stderr, "not so: %s\n", what);
        n_failed++;
    }
}

template <class Action> void expect_error(adaptau_status status, const char *message, Action action)
{
    try {
        action();
        expect(false, message);
    } catch (const adaptau::error &error) {
        expect(error.status() == status && std::strstr(error.what(), message), error.what());
    }
}

} // namespace

#endif
