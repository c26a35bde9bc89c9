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
constexpr int          train_draws = 12, test_draws = 4, epochs = 8, best = 5;

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

/* The mean loss of an epoch's terms. */
double train_epoch(adaptau::model &model, adaptau::sampler &sampler, adaptau::temperature &temperature, int epoch)
{
    auto   batch = adaptau::sized<adaptau_batch>();
    double loss = 0, n_terms = 0;
    model.update_temperature(temperature);
    sampler.begin_epoch(epoch);
    while (sampler.next(batch)) {
        const adaptau_step step = model.gradients(batch, temperature);
        model.apply();
        loss += step.loss;
        n_terms += step.n_terms;
    }
    return loss / n_terms;
}

void run(const char *path)
{
    pairs train_pairs, test_pairs;
    make_pairs(train_pairs, test_pairs);

    adaptau::context       context;
    const adaptau::dataset train(context, users, items, train_pairs.users, train_pairs.items);
    const adaptau::dataset test(context, users, items, test_pairs.users, test_pairs.items);

    auto model_options = adaptau::model_options();
    model_options.dim = 32;
    model_options.seed = 1;
    adaptau::model       model(context, train, model_options);
    adaptau::temperature temperature(context, train);

    auto sampler_options = adaptau::sampler_options();
    sampler_options.rows_per_batch = 64;
    sampler_options.seed = 1;
    adaptau::sampler sampler(context, train, sampler_options);

    const adaptau_dataset *const known = train.get(); // not to be recommended again
    auto                         evaluator_options = adaptau::evaluator_options();
    evaluator_options.n_cutoffs = 1;
    evaluator_options.cutoffs = &cutoff;
    evaluator_options.n_masks = 1;
    evaluator_options.masks = &known;
    adaptau::evaluator evaluator(context, test, evaluator_options);

    fingerprint print;
    std::printf("%d users, %d items, %" PRId64 " pairs\n", users, items, train.n_interactions());
    for (int epoch = 0; epoch < epochs; epoch++) {
        const double loss = train_epoch(model, sampler, temperature, epoch);
        model.evaluate(evaluator);
        const double recall = evaluator.mean(ADAPTAU_METRIC_RECALL, cutoff), tau = temperature.state().tau0;
        std::printf("epoch %d  loss %.6f  tau %.6f  recall@%d %.6f\n", epoch + 1, loss, tau, cutoff, recall);
        print.mix(loss);
        print.mix(tau);
        print.mix(recall);
    }

    const recommendations trained(model, someone, train);
    for (std::size_t k = 0; k < best; k++) {
        std::printf("user %d  item %d  score %.6f\n", someone, trained.items[k], static_cast<double>(trained.scores[k]));
        print.mix(static_cast<std::uint64_t>(trained.items[k]));
        print.mix(trained.scores[k]);
    }
    model.save(path);
    const adaptau::model loaded = adaptau::model::load(context, path);
    std::printf("loaded: %s\n", recommendations(loaded, someone, train) == trained ? "the same" : "different");

    try {
        recommendations(model, users, train);
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
