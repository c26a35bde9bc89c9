/* SPDX-License-Identifier: MIT */
/* The host of ../README.md in C++17, with the header that the library ships. */
#include <adaptau/adaptau.hpp>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

constexpr std::int32_t users = 600, items = 200, tastes = 10, cutoff = 10, someone = 7;
constexpr int          train_draws = 12, test_draws = 4, best = 5;

struct pairs {
    std::vector<std::int32_t> users, items;
};

/* Of 16 draws from the 20 items of a user's taste, 12 are for training and 4 for the test. */
void make_pairs(pairs &train, pairs &test)
{
    std::uint32_t state = 1;
    for (std::int32_t user = 0; user < users; user++) {
        for (int draw = 0; draw < train_draws + test_draws; draw++) {
            state = state * 1664525u + 1013904223u;
            pairs &part = draw < train_draws ? train : test;
            part.users.push_back(user);
            part.items.push_back(static_cast<std::int32_t>((state >> 16) % (items / tastes)) * tastes + user % tastes);
        }
    }
}

/* Of the bits of every number that is printed. */
class fingerprint {
public:
    void mix(std::uint64_t bits) { value_ = (value_ ^ bits) * UINT64_C(0x100000001b3); }

    void mix(double number)
    {
        std::uint64_t bits;
        std::memcpy(&bits, &number, sizeof bits);
        mix(bits);
    }

    void mix(float number)
    {
        std::uint32_t bits;
        std::memcpy(&bits, &number, sizeof bits);
        mix(std::uint64_t{bits});
    }

    std::uint64_t value() const { return value_; }

private:
    std::uint64_t value_ = UINT64_C(0xcbf29ce484222325);
};

struct recommendations {
    std::array<std::int32_t, best> items{};
    std::array<float, best>        scores{};

    recommendations(const adaptau::model &model, std::int32_t user, const adaptau::dataset &seen)
    {
        const std::int32_t one[] = {user};
        model.rank_items(one, best, &seen, items, scores);
    }

    bool operator==(const recommendations &other) const { return items == other.items && scores == other.scores; }
};

const char *compare(const recommendations &a, const recommendations &b)
{
    return a == b ? "the same" : "different";
}

/* A recipe says how a model is trained: what the host knows, and for the rest what suits the data. */
adaptau_recipe make_recipe(const adaptau::dataset &data)
{
    adaptau_recipe recipe = adaptau::recipe();
    recipe.dim = 16;
    recipe.epochs = 4;
    recipe.seed = 1;
    return adaptau::fill(recipe, data);
}

adaptau::evaluator make_evaluator(const adaptau::context &context, const adaptau::dataset &test, const adaptau::dataset &train)
{
    const adaptau_dataset *const known = train.get(); // not to be recommended again
    adaptau_evaluator_options    options = adaptau::evaluator_options();
    options.n_cutoffs = 1;
    options.cutoffs = &cutoff;
    options.n_masks = 1;
    options.masks = &known;
    return adaptau::evaluator(context, test, options);
}

void train_epoch(adaptau::training &training, std::int64_t epoch)
{
    auto batch = adaptau::sized<adaptau_batch>();
    training.begin_epoch(epoch);
    while (training.next(batch)) {
        training.gradients(batch);
        training.apply();
    }
    training.end_epoch();
}

void run(const char *path)
{
    pairs train_pairs, test_pairs;
    make_pairs(train_pairs, test_pairs);

    adaptau::context       context;
    const adaptau::dataset train(context, users, items, train_pairs.users, train_pairs.items);
    const adaptau::dataset test(context, users, items, test_pairs.users, test_pairs.items);
    adaptau::training      training(context, train, make_recipe(train)); // finds the temperature
    adaptau::evaluator     evaluator = make_evaluator(context, test, train);
    const adaptau_recipe   recipe = training.recipe();
    fingerprint            print;

    std::printf("%d users, %d items, %" PRId64 " pairs\n", users, items, train.n_interactions());
    std::printf("recipe: %d epochs, %d users in a batch, tau %.6f\n", static_cast<int>(recipe.epochs),
                static_cast<int>(recipe.rows_per_batch), recipe.tau);
    print.mix(recipe.tau);
    for (int epoch = 0; epoch < recipe.epochs; epoch++) {
        train_epoch(training, epoch);
        training.model()->evaluate(evaluator);
        const adaptau_training_state state = training.state();
        const double                 recall = evaluator.mean(ADAPTAU_METRIC_RECALL, cutoff);
        std::printf("epoch %d  loss %.6f  tau %.6f  recall@%d %.6f\n", epoch + 1, state.loss, state.tau0, cutoff, recall);
        for (const double number : {state.loss, state.tau0, recall})
            print.mix(number);
    }

    const adaptau::model  model = training.take_model();
    const recommendations trained(model, someone, train);
    for (std::size_t k = 0; k < best; k++) {
        std::printf("user %d  item %d  score %.6f\n", someone, trained.items[k], static_cast<double>(trained.scores[k]));
        print.mix(static_cast<std::uint64_t>(trained.items[k]));
        print.mix(trained.scores[k]);
    }
    model.save(path);
    const adaptau::model loaded = adaptau::model::load(context, path);
    std::printf("loaded: %s\n", compare(trained, recommendations(loaded, someone, train)));

    // All of it in one call, which tells of each epoch: by the same recipe it is the same model.
    int                    n_epochs = 0;
    adaptau::fit_callbacks callbacks;
    callbacks.on_epoch = [&](const adaptau_fit_progress &progress) {
        n_epochs = static_cast<int>(progress.epoch) + 1;
        return adaptau::fit_answer::go_on;
    };
    const adaptau::model fitted = adaptau::fit(context, train, recipe, adaptau::fit_options(), nullptr, callbacks);
    std::printf("fit: %d epochs, %s\n", n_epochs, compare(trained, recommendations(fitted, someone, train)));

    try {
        recommendations(fitted, users, train);
    } catch (const adaptau::error &error) { // a mistake of the host's; the model is as usable as before
        std::printf("user %d: %s: %s\n", users, error.name(), error.what());
    }
    std::printf("fingerprint %016" PRIx64 "\n", print.value());
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::fprintf(stderr, "usage: host MODEL_FILE\n");
        return 2;
    }
    try {
        run(argv[1]);
    } catch (const adaptau::error &error) {
        std::fprintf(stderr, "%s: %s\n", error.name(), error.what());
        return 1;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
