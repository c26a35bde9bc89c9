/* SPDX-License-Identifier: MIT */
/** @file adaptau.hpp
 *  The C interface for C++17: handles that move and clean up, exceptions that carry the status, arrays as spans. Header only:
 *  nothing of it is in the library, so that the ABI stays C's. What things mean is said in the C headers.
 *
 *      adaptau::context context;
 *      adaptau::dataset data(context, n_users, n_items, users, items);
 *      auto             options = adaptau::model_options();
 *      options.dim = 32;
 *      adaptau::model   model(context, data, options);
 *
 *  Structs are the C ones. Those with defaults come from functions of their names, adaptau::model_options() for example, with the
 *  defaults written; from there on 0 means 0. adaptau::sized makes any other, whose struct_size is set and whose other members are 0.
 *  What has no method here is called by adaptau::call, which throws as methods do:
 *
 *      adaptau::call(adaptau_softmax, context.get(), &tables, &batch, &temperatures, &output);
 *
 *  Lifetimes are C's too: the context outlives what is made from it, a dataset its samplers, temperatures and evaluators, and a
 *  host's arrays whatever borrows them. Members and locals that are declared in that order die in the right one. An object that
 *  has been moved from can be destroyed and assigned to; anything else throws E_ARGUMENT or answers as for NULL.
 *  Since 1.0. */
#ifndef ADAPTAU_ADAPTAU_HPP
#define ADAPTAU_ADAPTAU_HPP

#include <adaptau/adaptau.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace adaptau {

/** A call that failed: what() is the library's message. Since 1.0. */
class error : public std::runtime_error {
public:
    /** What the C function has left. */
    explicit error(const adaptau_error &cause)
        : std::runtime_error(cause.message), status_(cause.status), os_error_(cause.os_error)
    {
    }

    /** ADAPTAU_E_INDEX for example. */
    adaptau_status status() const noexcept { return status_; }
    /** errno of the failed system call, or 0. */
    int os_error() const noexcept { return os_error_; }
    /** "E_INDEX" for example. */
    const char *name() const noexcept { return adaptau_status_name(status_); }

private:
    adaptau_status status_;
    int            os_error_;
};

/** Call a function that takes an adaptau_error last; throw adaptau::error unless it succeeds. Since 1.0. */
template <class... Parameters, class... Arguments>
void call(adaptau_status (*function)(Parameters...), Arguments &&...arguments)
{
    adaptau_error cause;
    if (function(std::forward<Arguments>(arguments)..., &cause) != ADAPTAU_OK)
        throw error(cause);
}

/** A struct of the library with its struct_size set and the rest zero. Since 1.0. */
template <class Struct> Struct sized() noexcept
{
    Struct blank{};
    blank.struct_size = sizeof(Struct);
    return blank;
}

/* ---- structs with their defaults ---------------------------------------------------------------------------------- */

namespace detail {

template <class Struct, class Function, class... Kinds> Struct filled(Function init, Kinds... kinds)
{
    auto made = sized<Struct>();
    call(init, &made, kinds...);
    return made;
}

} // namespace detail

/** adaptau_adam_options_init. Since 1.0. */
inline adaptau_adam_options adam_options()
{
    return detail::filled<adaptau_adam_options>(adaptau_adam_options_init);
}

/** adaptau_loss_init. Since 1.0. */
inline adaptau_loss loss(std::int32_t kind = ADAPTAU_LOSS_SOFTMAX)
{
    return detail::filled<adaptau_loss>(adaptau_loss_init, kind);
}

/** adaptau_sampler_options_init. Since 1.0. */
inline adaptau_sampler_options sampler_options(std::int32_t kind = ADAPTAU_SAMPLER_CATALOGUE)
{
    return detail::filled<adaptau_sampler_options>(adaptau_sampler_options_init, kind);
}

/** adaptau_temperature_options_init. Since 1.0. */
inline adaptau_temperature_options temperature_options(std::int32_t tau0_policy = ADAPTAU_TAU0_FIRST_ORDER,
                                                       std::int32_t tau_user_policy = ADAPTAU_TAU_USER_NONE)
{
    return detail::filled<adaptau_temperature_options>(adaptau_temperature_options_init, tau0_policy, tau_user_policy);
}

/** adaptau_evaluator_options_init. Since 1.0. */
inline adaptau_evaluator_options evaluator_options()
{
    return detail::filled<adaptau_evaluator_options>(adaptau_evaluator_options_init);
}

/** adaptau_search_options_init. Since 1.0. */
inline adaptau_search_options search_options(double first)
{
    return detail::filled<adaptau_search_options>(adaptau_search_options_init, first);
}

/** adaptau_model_options_init. Since 1.0. */
inline adaptau_model_options model_options()
{
    return detail::filled<adaptau_model_options>(adaptau_model_options_init);
}

/** adaptau_target_options_init. Since 1.0. */
inline adaptau_target_options target_options()
{
    return detail::filled<adaptau_target_options>(adaptau_target_options_init);
}

/** adaptau_reduce_init. Since 1.0. */
inline adaptau_reduce reduce()
{
    return detail::filled<adaptau_reduce>(adaptau_reduce_init);
}

/** adaptau_fit_options_init. Since 1.0. */
inline adaptau_fit_options fit_options()
{
    return detail::filled<adaptau_fit_options>(adaptau_fit_options_init);
}

/** adaptau_tune_options_init. Since 1.0. */
inline adaptau_tune_options tune_options()
{
    return detail::filled<adaptau_tune_options>(adaptau_tune_options_init);
}

/** Somebody's array: a pointer and a length, as C++20 has it. Since 1.0. */
template <class T> class span {
public:
    constexpr span() noexcept = default;
    /** From a pointer. */
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    /** From arrays, vectors and whatever else lies in one piece. */
    template <class Array, class = std::enable_if_t<std::is_convertible_v<
                               std::remove_pointer_t<decltype(std::data(std::declval<Array &>()))> (*)[], T (*)[]>>>
    constexpr span(Array &&array) noexcept : data_(std::data(array)), size_(std::size(array))
    {
    }

    constexpr T          *data() const noexcept { return data_; }               /**< the first entry         */
    constexpr std::size_t size() const noexcept { return size_; }               /**< entries                 */
    constexpr bool        empty() const noexcept { return size_ == 0; }         /**< whether there are none  */
    constexpr T          *begin() const noexcept { return data_; }              /**< for loops               */
    constexpr T          *end() const noexcept { return data_ + size_; }        /**< for loops               */
    constexpr T &operator[](std::size_t i) const noexcept { return data_[i]; } /**< not checked              */

private:
    T          *data_ = nullptr;
    std::size_t size_ = 0;
};

namespace detail {

template <class Handle, void (*Destroy)(Handle *)> struct destroyer {
    void operator()(Handle *handle) const noexcept { Destroy(handle); }
};

/* What all objects are: the only owner of a handle. */
template <class Handle, void (*Destroy)(Handle *)> class object {
public:
    /** For the C functions; the object stays the owner. */
    Handle *get() const noexcept { return handle_.get(); }

protected:
    object() noexcept = default;
    ~object() = default;
    object(object &&) noexcept = default;
    object &operator=(object &&) noexcept = default;

    /* Call a function that hands out a handle as its last argument but the error, and own it. */
    template <class Function, class... Arguments> void make(Function function, Arguments... arguments)
    {
        Handle *made = nullptr;
        call(function, arguments..., &made);
        handle_.reset(made);
    }

    void own(Handle *made) noexcept { handle_.reset(made); }

    Handle *release() noexcept { return handle_.release(); }

private:
    std::unique_ptr<Handle, destroyer<Handle, Destroy>> handle_;
};

/* Lengths that the C interface takes on trust, because it has one for several arrays. */
inline void require_size(const char *name, std::size_t size, std::size_t wanted)
{
    if (size == wanted)
        return;
    adaptau_error cause{};
    cause.status = ADAPTAU_E_SHAPE;
    std::snprintf(cause.message, sizeof cause.message, "%s has %zu entries instead of %zu", name, size, wanted);
    throw error(cause);
}

inline std::int32_t count(const char *name, std::size_t size)
{
    if (size > INT32_MAX)
        require_size(name, size, INT32_MAX);
    return static_cast<std::int32_t>(size);
}

/* Entries of a query's lists. */
inline std::size_t lists_size(const adaptau_query &query)
{
    return query.n > 0 && query.k > 0 ? static_cast<std::size_t>(query.n) * static_cast<std::size_t>(query.k) : 0;
}

} // namespace detail

/** adaptau_context. Since 1.0. */
class context : public detail::object<adaptau_context, adaptau_context_destroy> {
public:
    /** adaptau_context_create. */
    explicit context(const adaptau_context_options &options = sized<adaptau_context_options>())
    {
        make(adaptau_context_create, &options);
    }

    /** adaptau_context_n_threads. */
    std::int32_t n_threads() const noexcept { return adaptau_context_n_threads(get()); }
    /** adaptau_context_backend. */
    const char  *backend() const noexcept { return adaptau_context_backend(get()); }
};

/** adaptau_rank: a query of plain tables. `found` and, unless it is empty, `scores` have query.n * query.k entries. Since 1.0. */
inline void rank(const context &context, const adaptau_tables &tables, const adaptau_query &query, span<std::int32_t> found,
                 span<float> scores = {})
{
    const std::size_t wanted = detail::lists_size(query);
    detail::require_size("found", found.size(), wanted);
    if (!scores.empty())
        detail::require_size("scores", scores.size(), wanted);
    call(adaptau_rank, context.get(), &tables, &query, found.data(), scores.empty() ? nullptr : scores.data());
}

/** adaptau_dataset. Since 1.0. */
class dataset : public detail::object<adaptau_dataset, adaptau_dataset_destroy> {
public:
    /** Interactions in any order, and their weights where `weights` is not empty, copied. */
    dataset(const adaptau::context &context, std::int32_t n_users, std::int32_t n_items, span<const std::int32_t> users,
            span<const std::int32_t> items, span<const float> weights = {})
    {
        detail::require_size("items", items.size(), users.size());
        if (!weights.empty())
            detail::require_size("weights", weights.size(), users.size());
        make(adaptau_dataset_create_from_interactions, context.get(), n_users, n_items, static_cast<std::int64_t>(users.size()),
             users.data(), items.data(), weights.empty() ? nullptr : weights.data());
    }

    /** Sorted rows, borrowed: the host's arrays outlive the dataset. */
    dataset(const adaptau::context &context, const adaptau_csr &csr) { make(adaptau_dataset_create, context.get(), &csr); }

    /** Users. */
    std::int32_t n_users() const noexcept { return adaptau_dataset_n_users(get()); }
    /** Items. */
    std::int32_t n_items() const noexcept { return adaptau_dataset_n_items(get()); }
    /** Distinct pairs. */
    std::int64_t n_interactions() const noexcept { return adaptau_dataset_n_interactions(get()); }
    /** Pairs that were given again. */
    std::int64_t n_duplicates() const noexcept { return adaptau_dataset_n_duplicates(get()); }

    /** The arrays, as long as the dataset. */
    adaptau_dataset_view view() const
    {
        auto out = sized<adaptau_dataset_view>();
        call(adaptau_dataset_get_view, get(), &out);
        return out;
    }
};

/** adaptau_sampler. Since 1.0. */
class sampler : public detail::object<adaptau_sampler, adaptau_sampler_destroy> {
public:
    /** adaptau_sampler_create. */
    sampler(const adaptau::context &context, const adaptau::dataset &data,
            const adaptau_sampler_options &options = adaptau::sampler_options())
    {
        make(adaptau_sampler_create, context.get(), data.get(), &options);
    }

    /** Batches of an epoch. */
    std::int64_t n_batches() const noexcept { return adaptau_sampler_n_batches(get()); }
    /** adaptau_sampler_begin_epoch. */
    void begin_epoch(std::int64_t epoch) { call(adaptau_sampler_begin_epoch, get(), epoch); }

    /** False when the epoch is over. `batch` is from sized, and its arrays live until the next call. */
    bool next(adaptau_batch &batch)
    {
        call(adaptau_sampler_next, get(), &batch);
        return batch.n_rows > 0;
    }
};

class model;
class training;

/** adaptau_temperature. Since 1.0. */
class temperature : public detail::object<adaptau_temperature, adaptau_temperature_destroy> {
public:
    /** adaptau_temperature_create. */
    temperature(const adaptau::context &context, const adaptau::dataset &data,
                const adaptau_temperature_options &options = adaptau::temperature_options())
    {
        make(adaptau_temperature_create, context.get(), data.get(), &options);
    }

    /** adaptau_temperature_update; for a model see model::update_temperature. */
    void update(const adaptau_tables &tables) { call(adaptau_temperature_update, get(), &tables); }

    /** What the last update did. */
    adaptau_temperature_state state() const
    {
        auto out = sized<adaptau_temperature_state>();
        call(adaptau_temperature_get_state, get(), &out);
        return out;
    }

    /** τ of each user of `data`, the dataset that this was made for; rewritten by each update. */
    span<const float> user_taus(const adaptau::dataset &data) const noexcept
    {
        return {adaptau_temperature_user_taus(get()), static_cast<std::size_t>(data.n_users())};
    }

    /** adaptau_temperature_grow: a new one for a larger dataset. */
    temperature grow(const adaptau::dataset &data) const
    {
        temperature larger;
        larger.make(adaptau_temperature_grow, get(), data.get());
        return larger;
    }

private:
    friend class model;
    temperature() noexcept = default;
};

/** adaptau_evaluator. Since 1.0. */
class evaluator : public detail::object<adaptau_evaluator, adaptau_evaluator_destroy> {
public:
    /** adaptau_evaluator_create. */
    evaluator(const adaptau::context &context, const adaptau::dataset &held_out,
              const adaptau_evaluator_options &options = adaptau::evaluator_options())
    {
        make(adaptau_evaluator_create, context.get(), held_out.get(), &options);
    }

    /** adaptau_evaluator_run. */
    void run(const adaptau_tables &tables) { call(adaptau_evaluator_run, get(), &tables); }

    /** ADAPTAU_METRIC_* at one of the cutoffs of the options. */
    double mean(std::int32_t metric, std::int32_t cutoff = 20) const
    {
        double out = 0;
        call(adaptau_evaluator_mean, get(), metric, cutoff, &out);
        return out;
    }

    /** Users with held-out items; results for each user are in this order. */
    span<const std::int32_t> users() const noexcept
    {
        return {adaptau_evaluator_users(get()), static_cast<std::size_t>(adaptau_evaluator_n_users(get()))};
    }

    /** adaptau_evaluator_per_user: a number for each of users(). */
    void per_user(std::int32_t metric, std::int32_t cutoff, span<float> out) const
    {
        detail::require_size("out", out.size(), users().size());
        call(adaptau_evaluator_per_user, get(), metric, cutoff, out.data());
    }
};

/** adaptau_model. Since 1.0. */
class model : public detail::object<adaptau_model, adaptau_model_destroy> {
public:
    /** adaptau_model_create. */
    model(const adaptau::context &context, const adaptau::dataset &data,
          const adaptau_model_options &options = adaptau::model_options())
    {
        make(adaptau_model_create, context.get(), data.get(), &options);
    }

    /** adaptau_model_load. */
    static model load(const adaptau::context &context, const std::string &path)
    {
        model loaded;
        loaded.make(adaptau_model_load, context.get(), path.c_str());
        return loaded;
    }

    /** adaptau_model_load_from: of a file in memory, at any address. */
    static model load(const adaptau::context &context, span<const unsigned char> bytes)
    {
        model loaded;
        loaded.make(adaptau_model_load_from, context.get(), static_cast<const void *>(bytes.data()),
                    static_cast<std::int64_t>(bytes.size()), static_cast<adaptau_attachment_function>(nullptr),
                    static_cast<void *>(nullptr));
        return loaded;
    }

    /** adaptau_model_map: read-only, in a file that all processes share. */
    static model map(const adaptau::context &context, const std::string &path)
    {
        model mapped;
        mapped.make(adaptau_model_map, context.get(), path.c_str(), static_cast<adaptau_attachment_function>(nullptr),
                    static_cast<void *>(nullptr));
        return mapped;
    }

    /** adaptau_model_view: read-only, in memory of the host's that must stay there as long as the model. */
    static model view(const adaptau::context &context, span<const unsigned char> bytes)
    {
        model viewed;
        viewed.make(adaptau_model_view, context.get(), static_cast<const void *>(bytes.data()),
                    static_cast<std::int64_t>(bytes.size()), static_cast<adaptau_attachment_function>(nullptr),
                    static_cast<void *>(nullptr));
        return viewed;
    }

    /** A checkpoint's model, temperature and note. */
    struct checkpoint;

    /** adaptau_model_load_checkpoint. */
    static checkpoint load_checkpoint(const adaptau::context &context, const adaptau::dataset &data, const std::string &path);

    /** adaptau_model_save_checkpoint. */
    void save_checkpoint(const adaptau::temperature &temperature, const std::string &note, const std::string &path) const
    {
        call(adaptau_model_save_checkpoint, get(), temperature.get(), note.c_str(), path.c_str());
    }

    /** adaptau_model_grow: a new model with the users and items of a larger dataset. */
    model grow(const adaptau::dataset &data) const
    {
        model larger;
        larger.make(adaptau_model_grow, get(), data.get(), static_cast<const adaptau_fold_in_options *>(nullptr));
        return larger;
    }

    /** Users. */
    std::int32_t n_users() const noexcept { return adaptau_model_n_users(get()); }
    /** Items. */
    std::int32_t n_items() const noexcept { return adaptau_model_n_items(get()); }
    /** Dimension of the embeddings. */
    std::int32_t dim() const noexcept { return adaptau_model_dim(get()); }

    /** adaptau_model_save. */
    void save(const std::string &path) const { call(adaptau_model_save, get(), path.c_str()); }

    /** The bytes of that file, by adaptau_model_save_to. */
    std::vector<unsigned char> save() const
    {
        std::vector<unsigned char> bytes;
        call(adaptau_model_save_to, get(), &append, static_cast<void *>(&bytes), 0, static_cast<const adaptau_attachment *>(nullptr));
        return bytes;
    }

    /** adaptau_model_set_fold_in; `data` may be nullptr without popularity. */
    void set_fold_in(const adaptau_fold_in_options &options, const adaptau::dataset *data = nullptr)
    {
        call(adaptau_model_set_fold_in, get(), data ? data->get() : nullptr, &options);
    }

    /** adaptau_model_get_fold_in. */
    adaptau_fold_in_options fold_in() const
    {
        auto out = sized<adaptau_fold_in_options>();
        call(adaptau_model_get_fold_in, get(), &out);
        return out;
    }

    /** The final embeddings, until the next call that changes the model. */
    adaptau_tables tables() const
    {
        auto out = sized<adaptau_tables>();
        call(adaptau_model_get_tables, get(), &out);
        return out;
    }

    /** adaptau_model_update_temperature. */
    void update_temperature(adaptau::temperature &temperature)
    {
        call(adaptau_model_update_temperature, get(), temperature.get());
    }

    /** adaptau_model_set_loss. */
    void set_loss(const adaptau_loss &loss) { call(adaptau_model_set_loss, get(), &loss); }

    /** adaptau_model_gradients. */
    adaptau_step gradients(const adaptau_batch &batch, adaptau::temperature &temperature)
    {
        auto step = sized<adaptau_step>();
        call(adaptau_model_gradients, get(), &batch, temperature.get(), &step);
        return step;
    }

    /** adaptau_model_apply. */
    void apply() { call(adaptau_model_apply, get()); }

    /** For a host's own optimiser, until the next call that changes the model. */
    adaptau_gradient_view gradient_view() const
    {
        auto out = sized<adaptau_gradient_view>();
        call(adaptau_model_get_gradient_view, get(), &out);
        return out;
    }

    /** One number for each item, or none at all, which removes them. */
    void set_item_bias(span<const float> bias)
    {
        if (!bias.empty())
            detail::require_size("bias", bias.size(), static_cast<std::size_t>(n_items()));
        call(adaptau_model_set_item_bias, get(), bias.empty() ? nullptr : bias.data());
    }

    /** adaptau_model_set_learning_rates. */
    void set_learning_rates(double users, double items) { call(adaptau_model_set_learning_rates, get(), users, items); }

    /** adaptau_model_rank: `found` and, unless it is empty, `scores` have query.n * query.k entries. */
    void rank(const adaptau_query &query, span<std::int32_t> found, span<float> scores = {}) const
    {
        const std::size_t wanted = detail::lists_size(query);
        detail::require_size("found", found.size(), wanted);
        if (!scores.empty())
            detail::require_size("scores", scores.size(), wanted);
        call(adaptau_model_rank, get(), &query, found.data(), scores.empty() ? nullptr : scores.data());
    }

    /** The items for users: k for each of `users`, best first, none that is `seen`; −1 where fewer are left. */
    void rank_items(span<const std::int32_t> users, std::int32_t k, const adaptau::dataset *seen, span<std::int32_t> found,
                    span<float> scores = {}) const
    {
        auto query = sized<adaptau_query>();
        query.n = detail::count("users", users.size());
        query.ids = users.data();
        query.k = k;
        query.seen = seen ? seen->get() : nullptr;
        rank(query, found, scores);
    }

    /** The k items that are most similar to each of `items`, itself left out. */
    void similar_items(span<const std::int32_t> items, std::int32_t k, span<std::int32_t> found, span<float> scores = {}) const
    {
        auto query = sized<adaptau_query>();
        query.question = ADAPTAU_RANK_SIMILAR_ITEMS;
        query.n = detail::count("items", items.size());
        query.ids = items.data();
        query.k = k;
        rank(query, found, scores);
    }

private:
    friend class training;
    friend model fit(const adaptau::context &, const adaptau::dataset &, const adaptau_recipe &, const adaptau_fit_options &,
                     adaptau_fit_result *);
    model() noexcept = default;

    /* No exception may pass through C. */
    static std::int32_t append(void *bytes, const void *more, std::int64_t size) noexcept
    {
        try {
            const auto *first = static_cast<const unsigned char *>(more);
            static_cast<std::vector<unsigned char> *>(bytes)->insert(static_cast<std::vector<unsigned char> *>(bytes)->end(), first, first + size);
            return 0;
        } catch (...) {
            return 1;
        }
    }
};

/** A recipe with its defaults, and ADAPTAU_BY_DATA where the data decide: adaptau_recipe_init. Since 1.0. */
inline adaptau_recipe recipe()
{
    auto blank = sized<adaptau_recipe>();
    call(adaptau_recipe_init, &blank);
    return blank;
}

/** The same, filled by a dataset: adaptau_recipe_fill. Since 1.0. */
inline adaptau_recipe fill(adaptau_recipe recipe, const adaptau::dataset &data)
{
    call(adaptau_recipe_fill, &recipe, data.get());
    return recipe;
}

/** adaptau_training. Since 1.0. */
class training : public detail::object<adaptau_training, adaptau_training_destroy> {
public:
    /** adaptau_training_create. */
    training(const adaptau::context &context, const adaptau::dataset &data, const adaptau_recipe &recipe = adaptau::recipe())
    {
        make(adaptau_training_create, context.get(), data.get(), &recipe);
    }

    /** adaptau_training_begin_epoch. */
    void begin_epoch(std::int64_t epoch) { call(adaptau_training_begin_epoch, get(), epoch); }

    /** False when the epoch is over. `batch` is from sized, and its arrays live until the next call. */
    bool next(adaptau_batch &batch)
    {
        call(adaptau_training_next, get(), &batch);
        return batch.n_rows > 0;
    }

    /** adaptau_model_gradients of the training's model and temperature; the loss is noted for the mean in state(). */
    adaptau_step gradients(const adaptau_batch &batch)
    {
        auto step = sized<adaptau_step>();
        call(adaptau_model_gradients, adaptau_training_model(get()), &batch, adaptau_training_temperature(get()), &step);
        call(adaptau_training_add_loss, get(), step.loss);
        return step;
    }

    /** adaptau_model_apply. */
    void apply() { call(adaptau_model_apply, adaptau_training_model(get())); }

    /** adaptau_training_end_epoch. */
    void end_epoch() { call(adaptau_training_end_epoch, get()); }

    /** Where it stands. */
    adaptau_training_state state() const
    {
        auto out = sized<adaptau_training_state>();
        call(adaptau_training_get_state, get(), &out);
        return out;
    }

    /** The filled recipe. */
    adaptau_recipe recipe() const
    {
        auto out = sized<adaptau_recipe>();
        call(adaptau_training_get_recipe, get(), &out);
        return out;
    }

    /** The final embeddings of its model, until the next step. */
    adaptau_tables tables() const
    {
        auto out = sized<adaptau_tables>();
        call(adaptau_model_get_tables, adaptau_training_model(get()), &out);
        return out;
    }

    /** adaptau_model_save_checkpoint of its model and temperature. */
    void save_checkpoint(const std::string &note, const std::string &path) const
    {
        call(adaptau_model_save_checkpoint, adaptau_training_model(get()), adaptau_training_temperature(get()), note.c_str(),
             path.c_str());
    }

    /** adaptau_training_resume; the note. */
    std::string resume(const std::string &path)
    {
        char note[ADAPTAU_NOTE_SIZE];
        call(adaptau_training_resume, get(), path.c_str(), note);
        return note;
    }

    /** adaptau_training_take_model: from now on the training is only to be destroyed, or given another model. */
    model take_model()
    {
        model taken;
        taken.own(adaptau_training_take_model(get()));
        return taken;
    }

    /** adaptau_training_replace_model. `next` is empty afterwards. */
    void replace_model(model next)
    {
        call(adaptau_training_replace_model, get(), next.get(), static_cast<adaptau_temperature *>(nullptr));
        next.release();
    }
};

/** adaptau_fit. `result`, from sized, may be nullptr. Since 1.0. */
inline model fit(const adaptau::context &context, const adaptau::dataset &data, const adaptau_recipe &recipe = adaptau::recipe(),
                 const adaptau_fit_options &options = adaptau::fit_options(), adaptau_fit_result *result = nullptr)
{
    adaptau_model *made = nullptr;
    call(adaptau_fit, context.get(), data.get(), &recipe, &options, &made, result);
    model fitted;
    fitted.own(made);
    return fitted;
}

/** What model::load_checkpoint reads. Since 1.0. */
struct model::checkpoint {
    adaptau::model       model;       /**< with its optimiser                                               */
    adaptau::temperature temperature; /**< of the dataset that was given                                    */
    std::string          note;        /**< the host's                                                       */
};

inline model::checkpoint model::load_checkpoint(const adaptau::context &context, const adaptau::dataset &data,
                                                const std::string &path)
{
    adaptau_model       *read = nullptr;
    adaptau_temperature *tau = nullptr;
    char                 note[ADAPTAU_NOTE_SIZE];
    call(adaptau_model_load_checkpoint, context.get(), data.get(), path.c_str(), &read, &tau, note);
    checkpoint all{adaptau::model(), adaptau::temperature(), {}};
    all.model.own(read);
    all.temperature.own(tau);
    all.note = note;
    return all;
}

/** adaptau_fold_in_options_init; tau is still to be set. Since 1.0. */
inline adaptau_fold_in_options fold_in_options(const adaptau::model &model, std::int32_t tau_user_policy = ADAPTAU_TAU_USER_NONE)
{
    return detail::filled<adaptau_fold_in_options>(adaptau_fold_in_options_init, model.get(), tau_user_policy);
}

/** adaptau_fold_in. Since 1.0. */
class fold_in : public detail::object<adaptau_fold_in, adaptau_fold_in_destroy> {
public:
    /** adaptau_fold_in_create. `data`, the pairs trained on, may be nullptr without soft targets. */
    fold_in(const adaptau::model &model, const adaptau::dataset *data, const adaptau_fold_in_options &options)
        : dim_(static_cast<std::size_t>(model.dim()))
    {
        make(adaptau_fold_in_create, model.get(), data ? data->get() : nullptr, &options);
    }

    /** The same as the model says (adaptau_model_set_fold_in), without soft targets where `data` is nullptr. */
    explicit fold_in(const adaptau::model &model, const adaptau::dataset *data = nullptr) : dim_(static_cast<std::size_t>(model.dim()))
    {
        make(adaptau_fold_in_create, model.get(), data ? data->get() : nullptr, static_cast<const adaptau_fold_in_options *>(nullptr));
    }

    /** Embeddings [n x d] of n new users, and their τ where `taus` is not empty. User u has the items from item_ptr[u] on, to
     *  before item_ptr[u + 1], with `weights`, {} for 1 each. */
    void users(span<const std::int64_t> item_ptr, span<const std::int32_t> items, span<const float> weights,
               span<float> embeddings, span<float> taus = {}) const
    {
        const std::size_t n = item_ptr.empty() ? 0 : item_ptr.size() - 1;
        detail::require_size("items", items.size(), n ? static_cast<std::size_t>(item_ptr[n]) : 0);
        detail::require_size("embeddings", embeddings.size(), n * dim_);
        if (!taus.empty())
            detail::require_size("taus", taus.size(), n);
        if (!weights.empty())
            detail::require_size("weights", weights.size(), items.size());
        call(adaptau_fold_in_users, get(), detail::count("item_ptr", n), item_ptr.data(), items.data(), weights.empty() ? nullptr : weights.data(),
             embeddings.data(), taus.empty() ? nullptr : taus.data());
    }

private:
    std::size_t dim_;
};

} // namespace adaptau

#endif
