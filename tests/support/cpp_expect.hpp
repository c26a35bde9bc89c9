// SPDX-License-Identifier: MIT
// What the tests of adaptau.hpp share: they count what does not hold, and go on; and the loop of a host.
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

bool same_tables(const adaptau_tables &a, const adaptau_tables &b)
{
    const auto bytes_of = [&](std::int32_t rows) {
        return static_cast<std::size_t>(rows) * static_cast<std::size_t>(a.dim) * sizeof(float);
    };
    return a.n_users == b.n_users && a.n_items == b.n_items && a.dim == b.dim && std::memcmp(a.users, b.users, bytes_of(a.n_users)) == 0 &&
           std::memcmp(a.items, b.items, bytes_of(a.n_items)) == 0;
}

void train(adaptau::training &training)
{
    auto batch = adaptau::sized<adaptau_batch>();
    for (std::int64_t epoch = 0; epoch < training.recipe().epochs; epoch++) {
        training.begin_epoch(epoch);
        while (training.next(batch)) {
            training.gradients(batch);
            training.apply();
        }
        training.end_epoch();
    }
}

} // namespace

#endif
