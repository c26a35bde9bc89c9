/* SPDX-License-Identifier: MIT */
/* 7: a thread pool in C++.
 *
 * A pool of std::thread that runs n calls of a function, and the few lines that hand it to the library. An exception of the executor
 * comes out of the call that needed it. A model is trained on this pool and on the library's own: the tables are equal, bit for
 * bit. */
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include <adaptau/adaptau.hpp>

constexpr std::int32_t THREADS = 2, USERS = 800, ITEMS = 400, DIM = 32, EPOCHS = 5;

/* ---- the pool ---------------------------------------------------------------------------------------------------- */

/* Runs one function for 0 ... n - 1 at a time, on its threads and on the caller's. */
class thread_pool {
public:
    explicit thread_pool(std::int32_t n_threads)
    {
        for (std::int32_t i = 1; i < n_threads; i++)
            threads_.emplace_back([this] { work(); });
    }

    ~thread_pool()
    {
        {
            std::lock_guard<std::mutex> lock(mutex_);
            closing_ = true;
        }
        wake_.notify_all();
        for (std::thread &thread : threads_)
            thread.join();
    }

    thread_pool(const thread_pool &) = delete;
    thread_pool &operator=(const thread_pool &) = delete;

    /* Returns when all calls have returned. Jobs of several threads follow one another. */
    void for_each(std::int32_t n, const std::function<void(std::int32_t)> &function)
    {
        std::lock_guard<std::mutex>  turn(turn_);
        std::unique_lock<std::mutex> lock(mutex_);
        function_ = &function;
        next_ = 0;
        end_ = unfinished_ = n;
        wake_.notify_all();
        take_calls(lock);
        done_.wait(lock, [this] { return unfinished_ == 0; });
    }

private:
    void take_calls(std::unique_lock<std::mutex> &lock)
    {
        while (next_ < end_) {
            const std::int32_t i = next_++;
            lock.unlock();
            (*function_)(i);
            lock.lock();
            if (--unfinished_ == 0)
                done_.notify_one();
        }
    }

    void work()
    {
        std::unique_lock<std::mutex> lock(mutex_);
        while (!closing_) {
            take_calls(lock);
            wake_.wait(lock, [this] { return closing_ || next_ < end_; });
        }
    }

    std::mutex                               turn_, mutex_;
    std::condition_variable                  wake_, done_;
    const std::function<void(std::int32_t)> *function_ = nullptr;
    std::int32_t                             next_ = 0, end_ = 0, unfinished_ = 0;
    bool                                     closing_ = false;
    std::vector<std::thread>                 threads_;
};

/* ---- the same training on both ----------------------------------------------------------------------------------- */

/* 16 of the 40 items of each user's taste, of which there are 10. */
static adaptau::dataset make_up_data(const adaptau::context &context)
{
    std::vector<std::int32_t> users, items;
    for (std::int32_t user = 0; user < USERS; user++)
        for (std::int32_t n = 0; n < 16; n++) {
            users.push_back(user);
            items.push_back((user * user / 10 + 7 * n) % 40 * 10 + user % 10);
        }
    return {context, USERS, ITEMS, users, items};
}

static std::vector<float> train(const adaptau_context_options &options, const adaptau::context_callbacks &functions)
{
    const adaptau::context context(options, functions);
    const adaptau::dataset data = make_up_data(context);
    std::vector<float>     rows((USERS + ITEMS) * DIM); /* the model's tables: ours                             */
    auto                   tables = adaptau::model_options();
    auto                   batches = adaptau::sampler_options();
    auto                   batch = adaptau::sized<adaptau_batch>();
    tables.dim = DIM;
    tables.host_users = rows.data();
    tables.host_items = rows.data() + USERS * DIM;
    batches.rows_per_batch = 50;
    adaptau::model       model(context, data, tables);
    adaptau::temperature temperature(context, data);
    adaptau::sampler     sampler(context, data, batches);
    double               loss = 0;
    for (std::int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        loss = 0;
        model.update_temperature(temperature);
        sampler.begin_epoch(epoch);
        while (sampler.next(batch)) {
            loss += model.gradients(batch, temperature).loss;
            model.apply();
        }
    }
    std::printf("loss per pair %.10f\n", loss / static_cast<double>(data.n_interactions()));
    return rows;
}

int main()
try {
    thread_pool pool(THREADS);
    auto        options = adaptau::sized<adaptau_context_options>();
    options.n_threads = THREADS;
    adaptau::context_callbacks functions;
    const std::vector<float>   by_library = train(options, functions);
    functions.executor = [&pool](std::int32_t n_lanes, const adaptau::lane &lane) { pool.for_each(n_lanes, lane); };
    const std::vector<float> by_pool = train(options, functions); /* on no thread of the library's               */
    const bool               same = by_pool == by_library;
    std::printf("the tables are %s\n", same ? "equal, bit for bit" : "DIFFERENT");
    return same ? 0 : 1;
} catch (const adaptau::error &error) {
    std::fprintf(stderr, "%s: %s\n", error.name(), error.what());
    return 1;
}
