/* SPDX-License-Identifier: MIT */
/* adaptau.hpp: handles move and die once, failures are exceptions with the library's words, lengths are checked. */
#include <adaptau/adaptau.hpp>

#include <cstdio>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

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
        expect(error.status() == status, error.what());
        expect(std::strstr(error.what(), message) != nullptr, error.what());
    }
}

static_assert(!std::is_copy_constructible_v<adaptau::model> && !std::is_copy_assignable_v<adaptau::model>);
static_assert(std::is_nothrow_move_constructible_v<adaptau::model> && std::is_nothrow_move_assignable_v<adaptau::model>);
static_assert(!std::is_default_constructible_v<adaptau::model>);
static_assert(std::is_convertible_v<std::vector<int32_t> &, adaptau::span<const int32_t>>);
static_assert(!std::is_convertible_v<const std::vector<int32_t> &, adaptau::span<int32_t>>);
static_assert(!std::is_convertible_v<std::vector<int64_t> &, adaptau::span<const int32_t>>);
static_assert(sizeof(adaptau::model) == sizeof(void *));

const std::vector<int32_t> users = {0, 0, 1, 1, 2, 2}, items = {0, 1, 1, 2, 2, 3};

void handles_move(const adaptau::context &context)
{
    adaptau::dataset     first(context, 3, 4, users, items);
    adaptau_dataset     *handle = first.get();
    adaptau::dataset     second = std::move(first);
    adaptau::dataset     third(context, 3, 4, users, items);
    expect(second.get() == handle && !first.get(), "a move takes the handle along"); // NOLINT: first is empty, not undefined
    expect(first.n_users() == 0, "an empty dataset counts as NULL does");
    third = std::move(second);
    expect(third.get() == handle && third.n_pairs() == 6 && third.n_items() == 4, "an assignment takes it along too");
    expect_error(ADAPTAU_E_ARGUMENT, "NULL", [&] { first.view(); });
}

void failures_speak(const adaptau::context &context)
{
    const adaptau::dataset data(context, 3, 4, users, items);
    adaptau::model         model(context, data);
    std::vector<int32_t>   best(4), short_best(3);
    const int32_t          good[] = {1, 2}, bad[] = {1, 3};
    expect_error(ADAPTAU_E_INDEX, "users[1] = 3", [&] { model.top_k(bad, 2, nullptr, best); });
    expect_error(ADAPTAU_E_SHAPE, "items has 3 entries instead of 4", [&] { model.top_k(good, 2, nullptr, short_best); });
    expect_error(ADAPTAU_E_ARGUMENT, "items is NULL", [&] { model.top_k(good, -1, nullptr, adaptau::span<int32_t>{}); });
    expect_error(ADAPTAU_E_SHAPE, "bias has 4 entries instead of 3", [&] { // users, not items
        const adaptau::dataset other(context, 4, 3, std::vector<int32_t>{0}, std::vector<int32_t>{0});
        adaptau::model(context, other).set_item_bias(std::vector<float>(4));
    });
    expect_error(ADAPTAU_E_SHAPE, "items", [&] { adaptau::dataset(context, 3, 4, users, short_best); });
    expect_error(ADAPTAU_E_STATE, "", [&] { model.apply(); });
    try {
        (void)adaptau::model::load(context, "/nonexistent/model");
        expect(false, "a missing file throws");
    } catch (const adaptau::error &error) {
        expect(error.os_error() != 0 && std::strcmp(error.name(), "E_IO") == 0, "a missing file says E_IO and errno");
    }
}

void a_step_is_the_c_one(const adaptau::context &context)
{
    const adaptau::dataset data(context, 3, 4, users, items);
    adaptau::model         model(context, data);
    adaptau::temperature   temperature(context, data);
    adaptau::sampler       sampler(context, data);
    adaptau::evaluator     evaluator(context, data);
    auto                   batch = adaptau::sized<adaptau_batch>();
    model.update_temperature(temperature);
    sampler.begin_epoch(0);
    expect(sampler.n_batches() == 1 && sampler.next(batch) && batch.n_rows == 3, "one batch of three users");
    const adaptau_step step = model.gradients(batch, temperature);
    expect(step.n_terms == 6 && model.gradient_view().n_users == 3, "six terms, three touched users");
    model.apply();
    expect(!sampler.next(batch), "then the epoch is over");

    std::vector<int32_t> best(3 * 2), again(3 * 2);
    std::vector<float>   scores(3 * 2);
    const int32_t        all[] = {0, 1, 2};
    model.top_k(all, 2, &data, best, scores);
    adaptau::call(adaptau_model_top_k, model.get(), 3, all, 2, data.get(), again.data(), nullptr);
    expect(best == again, "a method and the C function that it calls");

    std::vector<float> recall(3), too_short(2);
    evaluator.run(model.tables());
    evaluator.per_user(ADAPTAU_METRIC_RECALL, 0, recall);
    expect(evaluator.mean(ADAPTAU_METRIC_RECALL) == 1.0 && recall[0] == 1.0f, "all four items are among the best twenty");
    expect(evaluator.users().size() == 3 && evaluator.users()[2] == 2, "users with held-out items");
    expect_error(ADAPTAU_E_SHAPE, "out", [&] { evaluator.per_user(ADAPTAU_METRIC_RECALL, 0, too_short); });
}

} // namespace

int main()
{
    try {
        const adaptau::context context;
        handles_move(context);
        failures_speak(context);
        a_step_is_the_c_one(context);
    } catch (const std::exception &error) {
        expect(false, error.what());
    }
    return n_failed != 0;
}
