/* SPDX-License-Identifier: MIT */
/* adaptau.hpp: handles move and die once, failures are exceptions with the library's words, lengths are checked. */
#include <adaptau/adaptau.hpp>

#include <cstdio>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "../support/cpp_expect.hpp"

namespace {

static_assert(!std::is_copy_constructible_v<adaptau::model> && !std::is_copy_assignable_v<adaptau::model>);
static_assert(std::is_nothrow_move_constructible_v<adaptau::model> && std::is_nothrow_move_assignable_v<adaptau::model>);
static_assert(std::is_convertible_v<std::vector<int32_t> &, adaptau::span<const int32_t>>);
static_assert(!std::is_convertible_v<const std::vector<int32_t> &, adaptau::span<int32_t>>);
static_assert(!std::is_convertible_v<std::vector<int64_t> &, adaptau::span<const int32_t>>);

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
    expect(third.get() == handle && third.n_interactions() == 6 && third.n_items() == 4, "an assignment takes it along too");
    expect_error(ADAPTAU_E_ARGUMENT, "NULL", [&] { first.view(); });
}

void failures_speak(const adaptau::context &context)
{
    const adaptau::dataset data(context, 3, 4, users, items);
    adaptau::model         model(context, data);
    std::vector<int32_t>   best(4), short_best(3);
    const int32_t          good[] = {1, 2}, bad[] = {1, 3};
    expect_error(ADAPTAU_E_INDEX, "query->ids[1] = 3", [&] { model.rank_items(bad, 2, nullptr, best); });
    expect_error(ADAPTAU_E_SHAPE, "found has 3 entries instead of 4", [&] { model.rank_items(good, 2, nullptr, short_best); });
    expect_error(ADAPTAU_E_ARGUMENT, "query->k = -1", [&] { model.rank_items(good, -1, nullptr, adaptau::span<int32_t>{}); });
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
    model.rank_items(all, 2, &data, best, scores);
    auto query = adaptau::sized<adaptau_query>();
    query.n = 3;
    query.k = 2;
    query.seen = data.get();
    adaptau::call(adaptau_model_rank, model.get(), &query, again.data(), nullptr);
    expect(best == again, "a method and the C function that it calls");
    adaptau::rank(context, model.tables(), query, again);
    expect(best == again, "plain tables");
    std::vector<int32_t> similar(3);
    model.similar_items(all, 1, similar);
    expect(similar[0] > 0 && similar[1] != 1 && similar[2] != 2, "an item is not in its own list");

    std::vector<float> recall(3), too_short(2);
    evaluator.run(model.tables());
    evaluator.per_user(ADAPTAU_METRIC_RECALL, 20, recall);
    expect(evaluator.mean(ADAPTAU_METRIC_RECALL) == 1.0 && recall[0] == 1.0f, "all four items are among the best twenty");
    expect(evaluator.users().size() == 3 && evaluator.users()[2] == 2, "users with held-out items");
    expect_error(ADAPTAU_E_SHAPE, "out", [&] { evaluator.per_user(ADAPTAU_METRIC_RECALL, 20, too_short); });
}

void later_users_are_served(const adaptau::context &context)
{
    const std::vector<int32_t> more_users = {0, 0, 1, 1, 2, 2, 3}, more_items = {0, 1, 1, 2, 2, 3, 3};
    const adaptau::dataset     data(context, 3, 4, users, items), more(context, 4, 4, more_users, more_items);
    adaptau::model             model(context, data);
    const adaptau::temperature temperature(context, data);
    const char *const          path = "test_cpp.checkpoint";
    model.save_checkpoint(temperature, "so far", path);
    const auto there = adaptau::model::load_checkpoint(context, data, path);
    std::remove(path);
    expect(there.note == "so far" && there.temperature.state().tau0 == temperature.state().tau0, "a checkpoint comes back");
    expect(std::memcmp(there.model.tables().users, model.tables().users, 3 * 64 * sizeof(float)) == 0, "with its rows");
    expect(model.grow(more).tables().n_users == 4, "a model has grown");
    const std::vector<int32_t> second_only = {1}, last_first = {3, 2, 1, 0}, none, one_new = {2, -1, 0};
    const auto                 smaller = model.remap(adaptau::row_map(second_only, last_first));
    expect(smaller.n_users() == 1 && std::memcmp(smaller.tables().users, model.tables().users + 64, 64 * sizeof(float)) == 0,
           "users have been removed");
    expect(model.remap(adaptau::row_map(none, none)).n_users() == 0, "all of them");
    expect(model.remap(data, adaptau::row_map(one_new, last_first)).n_users() == 3, "one has another's number");
    expect(temperature.remap(data, adaptau::row_map(one_new, last_first)).user_taus(data).size() == 3, "with a temperature");
    expect_error(ADAPTAU_E_INDEX, "map->users[1] = 1, which map->users[0] is, too",
                 [&] { (void)model.remap(adaptau::row_map(std::vector<int32_t>{1, 1}, last_first)); });

    const std::vector<unsigned char> bytes = model.save();
    model.save(path);
    const auto loaded = adaptau::model::load(context, bytes), viewed = adaptau::model::view(context, bytes);
    auto       mapped = adaptau::model::map(context, path);
    std::remove(path);
    for (const adaptau::model *one : {&loaded, &viewed, static_cast<const adaptau::model *>(&mapped)})
        expect(std::memcmp(one->tables().items, model.tables().items, 4 * 64 * sizeof(float)) == 0, "rows come back from memory");
    expect_error(ADAPTAU_E_STATE, "model is read-only", [&] { mapped.apply(); });
    expect_error(ADAPTAU_E_FORMAT, "the buffer has 3 bytes", [&] { (void)adaptau::model::load(context, {bytes.data(), 3}); });
    const std::vector<unsigned char> half = model.save_half();
    model.save_half(path);
    const auto half_loaded = adaptau::model::load(context, half), half_mapped = adaptau::model::map(context, path);
    std::remove(path);
    expect(half.size() + 2 * 7 * 64 < bytes.size() + 100, "tables of half the size");
    expect(std::abs(half_loaded.tables().items[9] - model.tables().items[9]) < 1e-3F, "are rounded");
    expect_error(ADAPTAU_E_UNSUPPORTED, "the embeddings are F16 in a file", [&] { (void)half_mapped.tables(); });
    const auto larger = temperature.grow(more);
    expect(larger.user_taus(more).size() == 4 && larger.user_taus(more)[3] > 0, "and a temperature");

    auto options = adaptau::fold_in_options(model);
    options.tau = 0.1;
    const adaptau::fold_in     fold(model, nullptr, options);
    const std::vector<int64_t> item_ptr = {0, 2, 3};
    const std::vector<int32_t> own = {0, 1, 3};
    std::vector<float>         rows(2 * 64), taus(2), too_short(64);
    std::vector<int32_t>       best(2);
    fold.users(item_ptr, own, {}, rows, taus);
    expect(taus[0] == 0.1f && taus[1] == 0.1f, "folded users have the temperature");
    model.set_fold_in(options);
    std::vector<float> as_said(2 * 64);
    adaptau::fold_in(model).users(item_ptr, own, {}, as_said);
    expect(as_said == rows && model.fold_in().tau == 0.1, "and so they are where the model says it");
    auto query = adaptau::sized<adaptau_query>();
    query.n = 2;
    query.k = 1;
    query.embeddings = rows.data();
    query.exclude_ptr = item_ptr.data();
    query.exclude = own.data();
    model.rank(query, best);
    expect(best[0] >= 2 && best[1] != 3, "what a user has is left out");
    expect_error(ADAPTAU_E_SHAPE, "embeddings has 64 entries instead of 128", [&] { fold.users(item_ptr, own, {}, too_short); });
    expect_error(ADAPTAU_E_SHAPE, "found", [&] { model.rank(query, adaptau::span<int32_t>{}); });
    options.tau = 0;
    expect_error(ADAPTAU_E_ARGUMENT, "tau", [&] { adaptau::fold_in(model, nullptr, options); });
}

void structs_have_their_defaults()
{
    expect(adaptau::model_options().dim == 64 && adaptau::model_options().beta1_users == 0.5, "a model's");
    expect(adaptau::sampler_options().rows_per_batch == 256, "a sampler's, over the catalogue");
    expect(adaptau::sampler_options(ADAPTAU_SAMPLER_IN_BATCH).rows_per_batch == 2048, "a sampler's, of another kind");
    expect(adaptau::temperature_options(ADAPTAU_TAU0_EXACT).tau0_policy == ADAPTAU_TAU0_EXACT, "a temperature's");
    expect(adaptau::temperature_options().tau_min == 0.03 && adaptau::adam_options().beta2 == 0.999, "numbers");
    expect(adaptau::loss(ADAPTAU_LOSS_CCL).margin == 0.5 && adaptau::loss().kind == ADAPTAU_LOSS_SOFTMAX, "a loss's");
    expect(adaptau::evaluator_options().cutoffs[0] == 20 && adaptau::search_options(2).most == 2000, "pointers and multiples");
    expect(adaptau::fit_options().cutoff == 20 && adaptau::tune_options().share == 0.1, "one call's");
    expect(adaptau::target_options().row_weight_exponent == 1 && adaptau::reduce().item_pieces == 8, "the others'");
    expect_error(ADAPTAU_E_ARGUMENT, "kind = 9 is unknown", [] { (void)adaptau::loss(9); });
}

/* The loop by recipe and adaptau_fit give one model; it can be taken out and put back. */
void trainings_follow_a_recipe(const adaptau::context &context)
{
    const adaptau::dataset data(context, 3, 4, users, items);
    auto                   recipe = adaptau::recipe();
    expect(recipe.epochs == ADAPTAU_BY_DATA && recipe.dim == 64, "a recipe with its defaults");
    recipe.dim = 2;
    recipe.epochs = 3;
    adaptau::training training(context, data, recipe);
    train(training);
    expect(training.state().epoch == 2 && training.state().loss > 0, "the state of a training");
    const auto rows = training.tables();
    auto       result = adaptau::sized<adaptau_fit_result>();
    const auto fitted = adaptau::fit(context, data, recipe, adaptau::fit_options(), &result);
    expect(same_tables(rows, fitted.tables()), "fit is the loop");
    expect(result.n_epochs == 3 && result.loss == training.state().loss, "and says so");
    auto taken = training.take_model();
    expect_error(ADAPTAU_E_STATE, "taken out", [&] { training.begin_epoch(2); });
    training.replace_model(std::move(taken));
    const char *const path = "test_cpp_training.checkpoint";
    training.save_checkpoint("3", path);
    expect(adaptau::training(context, data, recipe).resume(path) == "3", "a checkpoint's note");
    std::remove(path);
    recipe.dim = -1;
    expect_error(ADAPTAU_E_ARGUMENT, "recipe->dim", [&] { adaptau::fill(recipe, data); });
}

} // namespace

int main()
{
    try {
        const adaptau::context context;
        structs_have_their_defaults();
        handles_move(context);
        failures_speak(context);
        a_step_is_the_c_one(context);
        later_users_are_served(context);
        trainings_follow_a_recipe(context);
    } catch (const std::exception &error) {
        expect(false, error.what());
    }
    return n_failed != 0;
}
