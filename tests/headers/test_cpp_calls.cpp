/* SPDX-License-Identifier: MIT */
/* adaptau.hpp: handles that come from C and go back, callbacks and their exceptions, and every wrapper beside the C call that it makes. */
#include <adaptau/adaptau.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "../support/cpp_expect.hpp"

namespace {

struct mine : std::runtime_error { // an exception of the host's
    using std::runtime_error::runtime_error;
};

template <class Action> void expect_mine(const char *message, Action action)
{
    try {
        action();
        expect(false, message);
    } catch (const mine &error) {
        expect(std::strcmp(error.what(), message) == 0, error.what());
    } catch (const std::exception &error) {
        std::fprintf(stderr, "instead of \"%s\": ", message);
        expect(false, error.what());
    }
    expect(!adaptau::detail::carried(), "nothing is carried on");
}

template <class Object> constexpr bool is_a_value =
    std::is_default_constructible_v<Object> && std::is_nothrow_move_constructible_v<Object> &&
    std::is_nothrow_move_assignable_v<Object> && !std::is_copy_constructible_v<Object>;
static_assert(is_a_value<adaptau::context> && is_a_value<adaptau::dataset> && is_a_value<adaptau::sampler>);
static_assert(is_a_value<adaptau::temperature> && is_a_value<adaptau::evaluator> && is_a_value<adaptau::search>);
static_assert(is_a_value<adaptau::model> && is_a_value<adaptau::training> && is_a_value<adaptau::fold_in>);

constexpr std::int32_t n_users = 40, n_items = 30, dim = 8;

adaptau::dataset make_data(const adaptau::context &context, std::int32_t more = 0)
{
    std::vector<std::int32_t> users, items;
    for (std::int32_t u = 0; u < n_users + more; u++)
        for (std::int32_t k = 0; k < 6; k++) {
            users.push_back(u);
            items.push_back((u * 5 + k * 3 + k * k) % (n_items + more));
        }
    return {context, n_users + more, n_items + more, users, items};
}

adaptau_recipe small_recipe()
{
    auto recipe = adaptau::recipe();
    recipe.tau0_policy = ADAPTAU_TAU0_FIRST_ORDER;
    recipe.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS;
    recipe.dim = dim;
    recipe.epochs = 2;
    recipe.rows_per_batch = 8;
    return recipe;
}

void handles_come_and_go(const adaptau::context &context)
{
    adaptau_dataset *handle = nullptr;
    const std::int32_t one[] = {0};
    adaptau::call(adaptau_dataset_create_from_interactions, context.get(), 1, 1, std::int64_t{1}, one, one, nullptr, &handle);
    adaptau::dataset data = adaptau::dataset::adopt(handle);
    expect(data && data.get() == handle && data.n_users() == 1, "adopted");
    expect(data.release() == handle && !data, "released");
    adaptau_dataset_destroy(handle);
    adaptau::model none;
    expect(!none && none.n_users() == 0, "an empty model");
    expect_error(ADAPTAU_E_ARGUMENT, "model is NULL", [&] { none.tables(); });
    none = adaptau::model(context, make_data(context));
    expect(none.n_users() == n_users, "assigned to");
    adaptau::context adopted = adaptau::context::adopt(nullptr);
    expect(!adopted, "an empty context");
    const auto options = adaptau::sized<adaptau_context_options>();
    adaptau_context *opened = nullptr;
    adaptau::call(adaptau_context_create, &options, &opened);
    adopted = adaptau::context::adopt(opened);
    expect(adopted.n_threads() > 0 && adopted.memory().first > 0, "an adopted context");
}

void parts_are_split_off(const adaptau::context &context)
{
    const auto data = make_data(context);
    auto       parts = data.split(context, 0.5, 3);
    adaptau_dataset *kept = nullptr, *held_out = nullptr;
    auto             options = adaptau::sized<adaptau_split_options>();
    options.share = 0.5;
    options.seed = 3;
    adaptau::call(adaptau_dataset_split, context.get(), data.get(), &options, &kept, &held_out);
    expect(parts.kept.n_interactions() + parts.held_out.n_interactions() == data.n_interactions(), "two parts");
    expect(parts.held_out.n_interactions() == adaptau_dataset_n_interactions(held_out), "as C's");
    adaptau_dataset_destroy(kept);
    adaptau_dataset_destroy(held_out);
}

void negatives_are_given(const adaptau::context &context)
{
    auto data = make_data(context);
    expect(data.view().negative_ptr == nullptr, "none at first");
    data.set_negatives(make_data(context));
    expect(data.view().negative_ptr[n_users] == data.n_interactions(), "all of the other's interactions");
    expect_error(ADAPTAU_E_STATE, "negatives already", [&] { data.set_negatives(make_data(context)); });
}

void contexts_have_functions()
{
    std::int64_t            lanes = 0, executions = 0, bytes = 0;
    bool                    executor_fails = false, memory_fails = false, progress_fails = false;
    auto                    options = adaptau::sized<adaptau_context_options>();
    adaptau::context_callbacks functions;
    std::vector<std::string> lines;
    options.n_threads = 3;
    functions.executor = [&](std::int32_t n, const adaptau::lane &run_lane) {
        executions++;
        if (executor_fails)
            throw mine("no threads");
        for (std::int32_t i = 0; i < n; i++, lanes++)
            run_lane(i);
    };
    functions.allocate = [&](std::size_t size, std::size_t alignment) -> void * {
        if (memory_fails)
            throw mine("no memory");
        bytes += static_cast<std::int64_t>(size);
        return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    };
    functions.free = [&](void *block, std::size_t size) {
        bytes -= static_cast<std::int64_t>(size);
        std::free(block);
    };
    functions.log = [&](std::int32_t, const char *line) {
        lines.emplace_back(line);
        throw mine("dropped");
    };
    {
        adaptau::context first(options, functions);
        adaptau::context context = std::move(first); // functions come along
        const auto       data = make_data(context);
        auto             model = adaptau::fit(context, data, small_recipe());
        expect(executions > 0 && lanes > executions && bytes > 0, "lanes and memory are the host's");
        adaptau::evaluator evaluator(context, data);
        executor_fails = true;
        expect_mine("no threads", [&] { model.evaluate(evaluator); });
        executor_fails = false;
        memory_fails = true;
        expect_mine("no memory", [&] { adaptau::model(context, data); });
        memory_fails = false;
        std::int64_t told = 0;
        context.set_progress([&](std::int32_t what, std::int64_t done, std::int64_t total) {
            told++;
            expect(what == ADAPTAU_PROGRESS_RANKING && done <= total, "how far an evaluation is");
            if (progress_fails)
                throw mine("too slow");
            return true;
        });
        model.evaluate(evaluator);
        expect(told > 0, "somebody was told");
        progress_fails = true;
        expect_mine("too slow", [&] { model.evaluate(evaluator); });
        context.set_progress([](std::int32_t, std::int64_t, std::int64_t) { return false; });
        expect_error(ADAPTAU_E_CANCELLED, "", [&] { model.evaluate(evaluator); });
        context.set_progress({});
        model.evaluate(evaluator);
        expect(evaluator.mean(ADAPTAU_METRIC_RECALL) > 0, "and nobody any more");
    }
    expect(bytes == 0, "all memory came back");
}

void callbacks_throw_through(const adaptau::context &context)
{
    const auto data = make_data(context);
    auto       recipe = small_recipe();
    int        steps = 0, epochs = 0;
    auto       result = adaptau::sized<adaptau_fit_result>();
    auto       trained = adaptau::sized<adaptau_recipe>();
    result.recipe = &trained;
    adaptau::fit_callbacks callbacks;
    callbacks.on_step = [&](const adaptau_fit_progress &) { return steps++ < 3 ? adaptau::fit_answer::go_on : adaptau::fit_answer::stop; };
    auto model = adaptau::fit(context, data, recipe, adaptau::fit_options(), &result, callbacks);
    expect(steps == 4 && result.stopped == 1 && trained.epochs == 2, "a fit that was stopped");
    callbacks.on_step = [&](const adaptau_fit_progress &) -> adaptau::fit_answer { throw mine("in a step"); };
    expect_mine("in a step", [&] { (void)adaptau::fit(context, data, recipe, adaptau::fit_options(), nullptr, callbacks); });
    callbacks.on_step = {};
    callbacks.on_epoch = [&](const adaptau_fit_progress &progress) -> adaptau::fit_answer {
        epochs++;
        expect_error(ADAPTAU_E_ARGUMENT, "k = 0", [&] { // a call inside the call fails by itself
            std::vector<std::int32_t> found;
            auto                      query = adaptau::sized<adaptau_query>();
            adaptau::call(adaptau_model_rank, progress.model, &query, found.data(), nullptr);
        });
        return adaptau::fit_answer::go_on;
    };
    model = adaptau::fit(context, data, recipe, adaptau::fit_options(), nullptr, callbacks);
    expect(epochs == 2 && model, "epochs were told");

    recipe.tau0_policy = ADAPTAU_TAU0_HELD_OUT;
    auto       tuned = recipe;
    int        trials = 0;
    const auto found = adaptau::tune(context, data, tuned, adaptau::tune_options(), [&](const adaptau_tune_progress &progress) {
        trials = progress.trial;
        return true;
    });
    expect(tuned.tau0_policy == ADAPTAU_TAU0_FIXED && found.tau == tuned.tau && trials == found.n_trials, "a temperature was found");
    expect_mine("in a trial", [&] {
        adaptau::tune(context, data, recipe, adaptau::tune_options(),
                      [](const adaptau_tune_progress &) -> bool { throw mine("in a trial"); });
    });
    expect_error(ADAPTAU_E_CANCELLED, "", [&] {
        adaptau::tune(context, data, recipe, adaptau::tune_options(), [](const adaptau_tune_progress &) { return false; });
    });

    const std::vector<adaptau::attachment> mail = {{"names", {'a', 'b'}}, {"empty", {}}};
    std::vector<unsigned char>             bytes;
    std::size_t                            pieces = 0;
    model.save([&](const void *more, std::size_t size) {
        const auto *first = static_cast<const unsigned char *>(more);
        bytes.insert(bytes.end(), first, first + size);
        pieces++;
    }, mail);
    std::vector<adaptau::attachment> got;
    const auto                       loaded = adaptau::model::load(context, bytes, &got);
    expect(pieces > 0 && got.size() == 2 && got[0].name == "names" && got[0].bytes == mail[0].bytes && got[1].bytes.empty(), "attachments");
    expect(same_tables(loaded.tables(), model.tables()), "and the model");
    expect_mine("disk full", [&] { model.save([](const void *, std::size_t) { throw mine("disk full"); }); });
    const char *const path = "test_cpp_calls.safetensors";
    model.save(path, mail);
    got.clear();
    expect(same_tables(adaptau::model::map(context, path, &got).tables(), model.tables()) && got.size() == 2, "mapped with them");
    got.clear();
    expect(adaptau::model::load(context, path, &got) && got.size() == 2 && adaptau::model::view(context, bytes, &got) && got.size() == 4,
           "from a file, and viewed");
    model.export_npy(ADAPTAU_SIDE_ITEMS, path);
    model.export_index(ADAPTAU_SIDE_USERS, path);
    std::remove(path);
}

void trainings_take_and_give(const adaptau::context &context)
{
    const auto        data = make_data(context), more = make_data(context, 3);
    const auto        recipe = adaptau::fill(small_recipe(), data);
    adaptau::training whole(context, data, recipe);
    train(whole);
    adaptau::model model(context, data, adaptau::model_options(recipe));
    model.set_loss(adaptau::loss(recipe));
    adaptau::temperature temperature(context, data, adaptau::temperature_options(recipe));
    const adaptau::sampler sampler(context, data, adaptau::sampler_options(recipe));
    expect(sampler.n_batches() == whole.sampler()->n_batches(), "a sampler by a recipe");
    adaptau_model *handle = model.get();
    expect_error(ADAPTAU_E_SHAPE, "model has 40 users",
                 [&] { adaptau::training(context, more, recipe, std::move(model), std::move(temperature)); });
    expect(model.get() == handle && temperature, "a failure takes nothing");
    adaptau::training from(context, data, recipe, std::move(model), std::move(temperature));
    expect(!model && !temperature && from.model()->get() == handle, "a training has taken them"); // NOLINT: empty, not undefined
    train(from);
    expect(same_tables(from.tables(), whole.tables()) && from.temperature()->state().tau0 == whole.temperature()->state().tau0,
           "and ends where one with its own ends");
    expect_error(ADAPTAU_E_STATE, "belongs to a training", [&] { from.model()->set_reduce([](const adaptau_reduce_piece &) {}); });

    {
        const adaptau::model moved = *from.model(); // lent: nothing is destroyed twice
        auto                 kept = from.model();
        const adaptau::model again = std::move(*kept);
        expect(moved.get() == again.get(), "a lent model that was moved");
        static_assert(!std::is_convertible_v<decltype(*from.model()), adaptau::model &>, "a reference to a temporary");
    }
    from.model()->settle_users(more.n_users() == n_users ? more : data);
    const auto said = adaptau::fold_in_options(recipe, *from.model(), *from.temperature());
    expect(said.tau == from.temperature()->state().tau0 && from.model()->fold_in().tau_user_policy == said.tau_user_policy,
           "how to fold in");
    auto larger = from.model()->grow(more, nullptr), folded = from.model()->grow(more, &said);
    expect(larger.n_users() == n_users + 3 && !same_tables(larger.tables(), folded.tables()), "new users are folded in where that is said");
    adaptau::training next(context, more, recipe, std::move(larger), from.temperature()->grow(more));
    train(next);
    next.replace_model(std::move(folded), from.temperature()->grow(more));
    train(next);
    auto taken = next.take_model();
    expect(taken.n_items() == n_items + 3 && !next.model()->get(), "taken out");

    auto made = adaptau::model(context, data, adaptau::model_options(recipe));
    auto tau = adaptau::temperature(context, data, adaptau::temperature_options(recipe));
    const auto bytes = made.save_checkpoint(tau, "note");
    const auto there = adaptau::model::load_checkpoint(context, data, bytes);
    expect(there.note == "note" && same_tables(there.model.tables(), made.tables()), "a checkpoint in memory");
    made.update_temperature(tau);
    auto targets = adaptau::target_options();
    targets.strength = 1;
    made.update_targets(data, tau, targets);
    made.set_item_bias(adaptau::popularity_prior(data, 0.3, 0.1));
    const auto [users_rate, items_rate] = adaptau::learning_rates(recipe, 1, 2, 4);
    expect(users_rate > 0 && users_rate < recipe.learning_rate_users, "users' rates have begun to fall");
    expect(std::abs(items_rate * recipe.learning_rate_users - users_rate * recipe.learning_rate_items) < 1e-12, "items' rates likewise");
    made.set_learning_rates(users_rate, items_rate);
    made.prepare();
    made.refresh();
    expect(made.raw_tables().n_users == n_users && made.encoder_parameters().n_rows == 0 && made.tables().item_bias, "tables and a prior");
}

/* A model whose items are a shard, the only one; with the function inside the model, and handed to a training and back. */
void shards_are_reduced(const adaptau::context &context)
{
    const auto     data = make_data(context);
    auto           recipe = small_recipe();
    recipe.soft_targets = 0;
    recipe = adaptau::fill(recipe, data);
    adaptau::model model(context, data, adaptau::model_options(recipe));
    std::int64_t   pieces = 0;
    bool           fails = false;
    model.set_reduce([&](const adaptau_reduce_piece &piece) {
        pieces += piece.what == ADAPTAU_REDUCE_SUMS;
        if (fails)
            throw mine("no network");
    });
    adaptau::training from(context, data, recipe, std::move(model)), alone(context, data, recipe);
    train(from);
    train(alone);
    expect(pieces > 0 && same_tables(from.tables(), alone.tables()), "one shard is the catalogue");
    model = from.take_model();
    fails = true;
    adaptau::temperature tau(context, data, adaptau::temperature_options(recipe));
    adaptau::sampler     sampler(context, data, adaptau::sampler_options(recipe));
    auto                 batch = adaptau::sized<adaptau_batch>();
    sampler.begin_epoch(0);
    sampler.next(batch);
    expect_mine("no network", [&] { model.gradients(batch, tau); });
    model.set_reduce({});
    model.gradients(batch, tau);

    const auto tables = model.tables();
    auto       temperatures = adaptau::sized<adaptau_row_temperatures>();
    auto       one = adaptau::sized<adaptau_loss_output>(), two = one, three = one;
    const auto rows = static_cast<std::size_t>(batch.n_rows);
    std::vector<float> unit(rows), terms(rows), taus(rows);
    const adaptau::span<const std::int32_t> who(batch.users, rows);
    tau.rows(who, taus);
    temperatures.candidates = taus.data();
    one.row_unit_loss = unit.data();
    one.row_terms = terms.data();
    adaptau::softmax(context, tables, batch, temperatures, one);
    adaptau::loss_gradients(context, tables, batch, temperatures, adaptau::loss(), two);
    int sums = 0;
    adaptau::loss_gradients_of_shard(context, tables, batch, temperatures, adaptau::loss(),
                                     [&](const adaptau_reduce_piece &) { sums++; }, three);
    expect(one.loss == two.loss && two.loss == three.loss && sums > 0, "three ways to one loss");
    expect_mine("lost", [&] {
        adaptau::loss_gradients_of_shard(context, tables, batch, temperatures, adaptau::loss(),
                                         [](const adaptau_reduce_piece &) { throw mine("lost"); }, three);
    });
    const double before = tau.loss_sums().first;
    tau.add_losses(who, unit, terms);
    tau.add_losses_of_shard(who, unit);
    expect(tau.loss_sums().first >= before && !std::isnan(tau.unit_losses(data)[static_cast<std::size_t>(batch.users[0])]),
           "losses were taken");
    const auto state = tau.state();
    tau.set_state(state, tau.unit_losses(data));

    std::vector<adaptau_row_sums> a(2), b(2);
    b[1].n_positives = 3;
    adaptau::merge_row_sums(a, b);
    expect(a[1].n_positives == 3, "sums are merged");
    auto moments = adaptau::sized<adaptau_score_moments>();
    auto users = adaptau::table_moments(context, dim, {tables.users, static_cast<std::size_t>(n_users * dim)}, true);
    auto items = adaptau::table_moments(context, dim, {tables.items, static_cast<std::size_t>(n_items * dim)}, true);
    const auto interactions = adaptau::interaction_moments(context, tables, data);
    expect(users[0] == n_users && items[0] == n_items && interactions[0] == static_cast<double>(data.n_interactions()), "moments");
    moments.dim = dim;
    moments.users = users.data();
    moments.items = items.data();
    std::memcpy(moments.interactions, interactions.data(), sizeof moments.interactions);
    moments.losses[0] = tau.loss_sums().first;
    moments.losses[1] = tau.loss_sums().second;
    tau.update(moments);
    expect(tau.state().n_updates == state.n_updates + 1, "an update by moments");
    adaptau::merge_table_moments(dim, users, std::vector<double>(items));
    expect(users[0] == n_users + n_items, "moments are merged");
}

void arrays_are_worked_on(const adaptau::context &context)
{
    auto               rows = adaptau::init_rows(context, 7, ADAPTAU_SIDE_USERS, ADAPTAU_INIT_XAVIER, 5, 0, 5, dim);
    std::vector<float> unit(rows.size()), norms(5), gradients(rows.size(), 1.0f);
    adaptau::normalise_rows(context, dim, rows, unit, norms);
    adaptau::normalise_rows_backward(context, dim, unit, norms, gradients);
    double along = 0;
    for (std::size_t k = 0; k < dim; k++)
        along += static_cast<double>(unit[k]) * static_cast<double>(gradients[k]);
    expect(norms[0] > 0 && std::fabs(along) < 1e-5, "a gradient is tangential");
    const float               scores[] = {3, 1, 2, 1, 5, 4};
    std::vector<std::int32_t> best(2), other = {7, 8};
    std::vector<float>        values(2), other_values = {9, 0};
    const std::int64_t        exclude_ptr[] = {0, 1, 1};
    const std::int32_t        exclude[] = {0};
    adaptau::top_k(context, 2, 3, scores, 1, best, values, exclude_ptr, exclude);
    expect(best[0] == 2 && best[1] == 1 && values[1] == 5, "the best but one");
    adaptau::merge_top_k(context, 1, best, values, other, other_values);
    expect(best[0] == 7 && best[1] == 1, "two lists are one");
    std::vector<float>        first(rows.size()), second(rows.size());
    std::vector<std::int32_t> steps(5);
    auto                      adam_rows = adaptau::sized<adaptau_adam_rows>();
    adam_rows.dim = dim;
    adam_rows.n = 5;
    adam_rows.rows = rows.data();
    adam_rows.first = first.data();
    adam_rows.second = second.data();
    adam_rows.steps = steps.data();
    const std::int32_t ids[] = {1, 3};
    adaptau::adam(context, adaptau::adam_options(), ids, std::vector<float>(2 * dim, 1.0f), adam_rows);
    expect(steps == std::vector<std::int32_t>{0, 1, 0, 1, 0}, "two rows have stepped");
    expect_error(ADAPTAU_E_SHAPE, "gradients has 8 entries instead of 16",
                 [&] { adaptau::adam(context, adaptau::adam_options(), ids, std::vector<float>(dim), adam_rows); });
    const auto order = adaptau::epoch_order(3, 0, 10);
    std::vector<bool> seen(10);
    for (std::uint32_t row : order)
        seen[row] = true;
    expect(order.size() == 10 && seen == std::vector<bool>(10, true), "an order of all rows");
    expect(adaptau::fill(adaptau::recipe(), 100, 50, 700).epochs > 0, "a recipe by sizes");

    const auto data = make_data(context);
    std::vector<std::int32_t> groups(static_cast<std::size_t>(n_items)), lists;
    for (std::size_t i = 0; i < groups.size(); i++)
        groups[i] = i % 2;
    auto options = adaptau::evaluator_options();
    options.n_groups = 2;
    options.item_groups = groups.data();
    adaptau::evaluator evaluator(context, data, options);
    const adaptau::model model(context, data);
    model.evaluate(evaluator);
    const auto   parts = evaluator.per_group(ADAPTAU_METRIC_RECALL, 20, 2);
    const double recall = evaluator.mean(ADAPTAU_METRIC_RECALL);
    expect(std::fabs(parts[0] + parts[1] - recall) < 1e-12, "groups add up");
    lists.resize(static_cast<std::size_t>(n_users) * 20);
    model.rank_items(evaluator.users(), 20, nullptr, lists);
    evaluator.run_lists(20, lists);
    expect(std::fabs(evaluator.mean(ADAPTAU_METRIC_RECALL) - recall) < 1e-12, "the same lists");
    const double taus[] = {0.1, 1};
    expect(evaluator.log_likelihood(model.tables(), taus).size() == 2, "likelihoods");

    adaptau::search search(context, adaptau::search_options(1));
    for (double value = search.next(); value > 0; value = search.next())
        search.report(-std::pow(std::log(value / 1.3), 2));
    expect(std::fabs(search.result().best - 1.3) < 0.05, "a search ends at the top");
}

} // namespace

int main()
{
    try {
        adaptau::context context;
        handles_come_and_go(context);
        parts_are_split_off(context);
        negatives_are_given(context);
        contexts_have_functions();
        callbacks_throw_through(context);
        trainings_take_and_give(context);
        shards_are_reduced(context);
        arrays_are_worked_on(context);
    } catch (const std::exception &error) {
        expect(false, error.what());
    }
    return n_failed != 0;
}
