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
 *  Every call of the C interface that can fail has a method or a function here. adaptau::call makes the same of a function of the
 *  host's, and of experimental.h:
 *
 *      adaptau::call(adaptau_model_update_prototypes, model.get(), 8);
 *
 *  Lifetimes are those of C. The context outlives what is made from it, a dataset outlives its samplers, temperatures, evaluators and
 *  trainings, and a host's arrays outlive whatever borrows them. Members and locals that are declared in that order are destroyed in
 *  the right order. Every object can be made empty, moved, and moved from. An empty object can be destroyed and assigned to; its other
 *  methods throw E_ARGUMENT or answer as C does for NULL. `adopt` makes an object the owner of a C handle, and `release` gives the
 *  handle back.
 *
 *  Callbacks are lambdas, or whatever else std::function takes. An exception in a callback ends the call of the library that it is in,
 *  and comes out of that call. A callback of a context is called by calls on its objects, so that is where its exceptions come out.
 *  Since 1.0. */
#ifndef ADAPTAU_ADAPTAU_HPP
#define ADAPTAU_ADAPTAU_HPP

#if !(__cplusplus >= 201703L || (defined(_MSVC_LANG) && _MSVC_LANG >= 201703L))
#error "adaptau.hpp needs C++17 (-std=c++17)"
#endif

#include <adaptau/adaptau.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <new>
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

namespace detail {

/* The exception that a callback has thrown inside a call of the library on this thread. No exception may pass through C. */
inline std::exception_ptr &carried() noexcept
{
    static thread_local std::exception_ptr exception;
    return exception;
}

/* A call of the library: callbacks inside it leave their exceptions here, and a call around it keeps its own. */
class border {
public:
    border() noexcept : outer_(std::exchange(carried(), nullptr)) {}
    ~border() { carried() = std::move(outer_); }
    border(const border &) = delete;
    border &operator=(const border &) = delete;

    /* For a call that has failed. */
    void rethrow() const
    {
        if (const std::exception_ptr exception = std::exchange(carried(), nullptr))
            std::rethrow_exception(exception);
    }

private:
    std::exception_ptr outer_;
};

/* What a callback answers, or `failed` after an exception. */
template <class Answer, class Function> Answer guard(Answer failed, Function function) noexcept
{
    try {
        return function();
    } catch (...) {
        if (!carried())
            carried() = std::current_exception();
        return failed;
    }
}

} // namespace detail

/** Call a function that takes an adaptau_error last; throw adaptau::error unless it succeeds, or what a callback has thrown. Since 1.0. */
template <class... Parameters, class... Arguments>
void call(adaptau_status (*function)(Parameters...), Arguments &&...arguments)
{
    const detail::border border;
    adaptau_error        cause;
    if (function(std::forward<Arguments>(arguments)..., &cause) == ADAPTAU_OK)
        return;
    border.rethrow();
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
    /** `{0, 2}` of entries that can be written would be a null pointer and a length. */
    span(std::nullptr_t, std::size_t) = delete;
    /** From a list, `{0, 2}`, for as long as the call takes. */
    template <class U = T, class = std::enable_if_t<std::is_const_v<U>>>
    constexpr span(std::initializer_list<std::remove_const_t<T>> list) noexcept : data_(std::data(list)), size_(list.size())
    {
    }
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

template <class Object> class borrowed;

namespace detail {

/* Of a handle that a training has lent nothing is destroyed, wherever the handle is moved. */
template <class Handle, void (*Destroy)(Handle *)> struct destroyer {
    void operator()(Handle *handle) const noexcept
    {
        if (!lent)
            Destroy(handle);
    }

    bool lent = false;
};

/* What all objects are: the only owner of a handle, and of what callbacks behind it need. */
template <class Self, class Handle, void (*Destroy)(Handle *)> class object {
public:
    /** For the C functions; the object stays the owner. */
    Handle *get() const noexcept { return handle_.get(); }

    /** Whether there is a handle. */
    explicit operator bool() const noexcept { return get() != nullptr; }

    /** An object that owns the handle from now on. */
    static Self adopt(Handle *handle) noexcept
    {
        Self adopted;
        adopted.own(handle);
        return adopted;
    }

    /** Give the handle to the caller, who destroys it by the C function. The object is empty then, and callbacks that were set by
     *  C++ functions are gone. */
    Handle *release() noexcept { return handle_.release(); }

protected:
    object() noexcept = default;
    ~object() = default;
    object(object &&) noexcept = default;

    object &operator=(object &&other) noexcept
    {
        handle_ = std::move(other.handle_); /* the old handle dies before what its callbacks need                 */
        keeps_ = std::move(other.keeps_);
        return *this;
    }

    /* Call a function that hands out a handle as its last argument but the error, and own it. */
    template <class Function, class... Arguments> void make(Function function, Arguments... arguments)
    {
        Handle *made = nullptr;
        call(function, arguments..., &made);
        handle_.reset(made);
    }

    void own(Handle *made) noexcept { handle_.reset(made); }
    bool is_lent() const noexcept { return handle_.get_deleter().lent; }
    void lend() noexcept { handle_.get_deleter().lent = true; }

    std::shared_ptr<void> keeps_;

private:
    template <class Object> friend class adaptau::borrowed;
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

/* An empty array stands for one that is not wanted. */
template <class T> T *or_null(span<T> array) noexcept { return array.empty() ? nullptr : array.data(); }

/* The same, checked. */
template <class T> T *optional(const char *name, span<T> array, std::size_t wanted)
{
    if (!array.empty())
        require_size(name, array.size(), wanted);
    return or_null(array);
}

inline std::size_t size_of(std::int64_t n) noexcept { return n > 0 ? static_cast<std::size_t>(n) : 0; }

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

/** The lanes of a parallel call, for an executor: lane(i) runs the i-th, once for every i in [0, n_lanes). Since 1.0. */
class lane {
public:
    /** What the library hands to an executor. */
    lane(adaptau_lane_function function, void *argument) noexcept : function_(function), argument_(argument) {}
    /** Never throws. On any thread. */
    void operator()(std::int32_t i) const noexcept { function_(argument_, i); }

private:
    adaptau_lane_function function_;
    void                 *argument_;
};

/** The functions of a context's options as C++ has them; an empty one is none. Since 1.0. */
struct context_callbacks {
    /** Run lane(i) for every i in [0, n_lanes), and return when all have returned, also by an exception. */
    std::function<void(std::int32_t n_lanes, const lane &run)> executor;
    /** `size` bytes at a multiple of `alignment`, or nullptr or an exception where there are none. */
    std::function<void *(std::size_t size, std::size_t alignment)> allocate;
    /** Give them back. An exception is dropped. */
    std::function<void(void *block, std::size_t size)> free;
    /** One line. An exception is dropped: a line of the log fails no call. */
    std::function<void(std::int32_t level, const char *line)> log;
};

namespace detail {

inline std::int32_t reduce_piece(void *data, const adaptau_reduce_piece *piece) noexcept
{
    return guard(1, [&] {
        (*static_cast<const std::function<void(const adaptau_reduce_piece &)> *>(data))(*piece);
        return 0;
    });
}

[[noreturn]] inline void refuse(adaptau_status status, const char *message)
{
    adaptau_error cause{};
    cause.status = status;
    std::snprintf(cause.message, sizeof cause.message, "%s", message);
    throw error(cause);
}

/* What the functions of a context find their way to. */
struct context_functions {
    context_callbacks                                               callbacks;
    std::function<bool(std::int32_t, std::int64_t, std::int64_t)> progress;

    static const context_functions &of(const void *data) noexcept { return *static_cast<const context_functions *>(data); }

    static std::int32_t execute(void *data, std::int32_t n_lanes, adaptau_lane_function function, void *argument) noexcept
    {
        return guard(1, [&] {
            of(data).callbacks.executor(n_lanes, lane(function, argument));
            return 0;
        });
    }

    static void *allocate(void *data, std::size_t size, std::size_t alignment) noexcept
    {
        return guard(static_cast<void *>(nullptr), [&] { return of(data).callbacks.allocate(size, alignment); });
    }

    static void free(void *data, void *block, std::size_t size) noexcept
    {
        try {
            of(data).callbacks.free(block, size);
        } catch (...) {
        }
    }

    static void log(void *data, std::int32_t level, const char *line) noexcept
    {
        try {
            of(data).callbacks.log(level, line);
        } catch (...) {
        }
    }

    static std::int32_t tell(void *data, std::int32_t what, std::int64_t done, std::int64_t total) noexcept
    {
        return guard(1, [&] { return of(data).progress(what, done, total) ? 0 : 1; });
    }
};

} // namespace detail

/** adaptau_context. Since 1.0. */
class context : public detail::object<context, adaptau_context, adaptau_context_destroy> {
public:
    /** An object that owns the handle from now on, or an empty one for nullptr. */
    static context adopt(adaptau_context *handle) noexcept
    {
        context adopted{nothing{}};
        adopted.own(handle);
        return adopted;
    }

    /** adaptau_context_create. */
    explicit context(const adaptau_context_options &options = sized<adaptau_context_options>())
    {
        make(adaptau_context_create, &options);
    }

    /** The same with functions, which take the places of those in the options. */
    context(adaptau_context_options options, context_callbacks callbacks)
    {
        const auto functions = std::make_shared<detail::context_functions>();
        functions->callbacks = std::move(callbacks);
        if (functions->callbacks.executor) {
            options.executor = &detail::context_functions::execute;
            options.executor_data = functions.get();
        }
        if (functions->callbacks.allocate || functions->callbacks.free) {
            options.allocate = functions->callbacks.allocate ? &detail::context_functions::allocate : nullptr;
            options.free = functions->callbacks.free ? &detail::context_functions::free : nullptr;
            options.allocator_data = functions.get();
        }
        if (functions->callbacks.log) {
            options.log = &detail::context_functions::log;
            options.log_data = functions.get();
        }
        make(adaptau_context_create, &options);
        keeps_ = functions;
    }

    /** adaptau_context_set_progress: progress(what, done, total) answers whether to go on. An empty one tells nobody. */
    void set_progress(std::function<bool(std::int32_t what, std::int64_t done, std::int64_t total)> progress)
    {
        if (!keeps_)
            keeps_ = std::make_shared<detail::context_functions>();
        auto *functions = static_cast<detail::context_functions *>(keeps_.get());
        call(adaptau_context_set_progress, get(), progress ? &detail::context_functions::tell : nullptr, static_cast<void *>(functions));
        functions->progress = std::move(progress);
    }

    /** adaptau_context_n_threads. */
    std::int32_t n_threads() const noexcept { return adaptau_context_n_threads(get()); }
    /** adaptau_context_backend. */
    const char  *backend() const noexcept { return adaptau_context_backend(get()); }
    /** adaptau_context_uses_bfloat16. */
    bool         uses_bfloat16() const noexcept { return adaptau_context_uses_bfloat16(get()) != 0; }

    /** adaptau_context_memory: present and peak bytes. */
    std::pair<std::uint64_t, std::uint64_t> memory() const noexcept
    {
        std::uint64_t present = 0, peak = 0;
        adaptau_context_memory(get(), &present, &peak);
        return {present, peak};
    }

private:
    struct nothing {};
    explicit context(nothing) noexcept {}
};

/** A map by lists of old numbers, −1 for what is new; an empty list: none is left. For a side of which all are kept, set its number and
 *  leave its pointer nullptr. The lists must live as long as the map. Since 1.0. */
inline adaptau_row_map row_map(span<const std::int32_t> users, span<const std::int32_t> items)
{
    static const std::int32_t none = 0;
    adaptau_row_map           map{};
    map.struct_size = sizeof map;
    map.n_users = detail::count("users", users.size());
    map.n_items = detail::count("items", items.size());
    map.users = users.empty() ? &none : users.data();
    map.items = items.empty() ? &none : items.data();
    return map;
}

/** adaptau_rank: a query of plain tables. `found` and, unless it is empty, `scores` have query.n * query.k entries. Since 1.0. */
inline void rank(const context &context, const adaptau_tables &tables, const adaptau_query &query, span<std::int32_t> found,
                 span<float> scores = {})
{
    const std::size_t wanted = detail::lists_size(query);
    detail::require_size("found", found.size(), wanted);
    if (!scores.empty())
        detail::require_size("scores", scores.size(), wanted);
    call(adaptau_rank, context.get(), &tables, &query, found.data(), detail::or_null(scores));
}

/** adaptau_dataset. Since 1.0. */
class dataset : public detail::object<dataset, adaptau_dataset, adaptau_dataset_destroy> {
public:
    /** Empty. */
    dataset() noexcept = default;

    /** Interactions in any order, and their weights where `weights` is not empty, copied. */
    dataset(const adaptau::context &context, std::int32_t n_users, std::int32_t n_items, span<const std::int32_t> users,
            span<const std::int32_t> items, span<const float> weights = {})
    {
        detail::require_size("items", items.size(), users.size());
        if (!weights.empty())
            detail::require_size("weights", weights.size(), users.size());
        make(adaptau_dataset_create_from_interactions, context.get(), n_users, n_items, static_cast<std::int64_t>(users.size()),
             users.data(), items.data(), detail::or_null(weights));
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

    /** adaptau_dataset_set_negatives: logged negatives, copied. */
    void set_negatives(const dataset &negatives) { call(adaptau_dataset_set_negatives, get(), negatives.get()); }

    /** The arrays, as long as the dataset. */
    adaptau_dataset_view view() const
    {
        auto out = sized<adaptau_dataset_view>();
        call(adaptau_dataset_get_view, get(), &out);
        return out;
    }

    /** Two parts of a dataset. */
    struct parts;

    /** adaptau_dataset_split. */
    parts split(const adaptau::context &context, const adaptau_split_options &options) const;

    /** The same: `share` of each user's interactions, drawn by `seed`. */
    parts split(const adaptau::context &context, double share, std::uint64_t seed = 0) const;
};

/** What dataset::split makes. Since 1.0. */
struct dataset::parts {
    dataset kept;     /**< to train on                                                                      */
    dataset held_out; /**< to test on                                                                       */
};

inline dataset::parts dataset::split(const adaptau::context &context, const adaptau_split_options &options) const
{
    adaptau_dataset *kept = nullptr, *held_out = nullptr;
    call(adaptau_dataset_split, context.get(), get(), &options, &kept, &held_out);
    return {adopt(kept), adopt(held_out)};
}

inline dataset::parts dataset::split(const adaptau::context &context, double share, std::uint64_t seed) const
{
    auto options = sized<adaptau_split_options>();
    options.share = share;
    options.seed = seed;
    return split(context, options);
}

/** adaptau_epoch_order: row order[k] comes k-th. Since 1.0. */
inline std::vector<std::uint32_t> epoch_order(std::uint64_t seed, std::int64_t epoch, std::int64_t n)
{
    std::vector<std::uint32_t> order(detail::size_of(n));
    call(adaptau_epoch_order, seed, epoch, n, order.data());
    return order;
}

/** adaptau_sampler. Since 1.0. */
class sampler : public detail::object<sampler, adaptau_sampler, adaptau_sampler_destroy> {
public:
    /** Empty. */
    sampler() noexcept = default;

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

/** adaptau_temperature. Since 1.0. */
class temperature : public detail::object<temperature, adaptau_temperature, adaptau_temperature_destroy> {
public:
    /** Empty. */
    temperature() noexcept = default;

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

    /** L_u of each user of `data`, NaN without one; rewritten by add_losses. */
    span<const float> unit_losses(const adaptau::dataset &data) const noexcept
    {
        return {adaptau_temperature_unit_losses(get()), static_cast<std::size_t>(data.n_users())};
    }

    /** adaptau_temperature_rows: τ of the rows of a batch. */
    void rows(span<const std::int32_t> users, span<float> candidates, span<float> positives = {}) const
    {
        detail::require_size("candidates", candidates.size(), users.size());
        call(adaptau_temperature_rows, get(), detail::count("users", users.size()), users.data(), candidates.data(),
             detail::optional("positives", positives, users.size()));
    }

    /** adaptau_temperature_add_losses: row_unit_loss of some users, and row_terms. */
    void add_losses(span<const std::int32_t> users, span<const float> unit_losses, span<const float> weights = {})
    {
        detail::require_size("unit_losses", unit_losses.size(), users.size());
        call(adaptau_temperature_add_losses, get(), detail::count("users", users.size()), users.data(), unit_losses.data(),
             detail::optional("weights", weights, users.size()));
    }

    /** adaptau_temperature_add_losses_of_shard. */
    void add_losses_of_shard(span<const std::int32_t> users, span<const float> unit_losses, span<const float> weights = {})
    {
        detail::require_size("unit_losses", unit_losses.size(), users.size());
        call(adaptau_temperature_add_losses_of_shard, get(), detail::count("users", users.size()), users.data(), unit_losses.data(),
             detail::optional("weights", weights, users.size()));
    }

    /** adaptau_temperature_loss_sums: number and sum. */
    std::pair<double, double> loss_sums() const
    {
        double out[2];
        call(adaptau_temperature_loss_sums, get(), static_cast<double *>(out));
        return {out[0], out[1]};
    }

    /** adaptau_temperature_update_from: by the moments of all shards. */
    void update(const adaptau_score_moments &moments) { call(adaptau_temperature_update_from, get(), &moments); }

    /** adaptau_temperature_set_state; `unit_losses` as unit_losses() gave them, or empty. */
    void set_state(const adaptau_temperature_state &state, span<const float> unit_losses = {})
    {
        call(adaptau_temperature_set_state, get(), &state, detail::or_null(unit_losses));
    }

    /** adaptau_temperature_grow: a new one for a larger dataset. */
    temperature grow(const adaptau::dataset &data) const
    {
        temperature larger;
        larger.make(adaptau_temperature_grow, get(), data.get());
        return larger;
    }

    /** adaptau_temperature_remap: a new one for other users and items. */
    temperature remap(const adaptau::dataset &data, const adaptau_row_map &map) const
    {
        temperature mapped;
        mapped.make(adaptau_temperature_remap, get(), data.get(), &map);
        return mapped;
    }
};

/** adaptau_evaluator. Since 1.0. */
class evaluator : public detail::object<evaluator, adaptau_evaluator, adaptau_evaluator_destroy> {
public:
    /** Empty. */
    evaluator() noexcept = default;

    /** adaptau_evaluator_create. */
    evaluator(const adaptau::context &context, const adaptau::dataset &held_out,
              const adaptau_evaluator_options &options = adaptau::evaluator_options())
    {
        make(adaptau_evaluator_create, context.get(), held_out.get(), &options);
    }

    /** adaptau_evaluator_run; of a model see model::evaluate. */
    void run(const adaptau_tables &tables) { call(adaptau_evaluator_run, get(), &tables); }

    /** adaptau_evaluator_run_lists: k items for each of users(). */
    void run_lists(std::int32_t k, span<const std::int32_t> lists)
    {
        detail::require_size("lists", lists.size(), users().size() * detail::size_of(k));
        call(adaptau_evaluator_run_lists, get(), k, lists.data());
    }

    /** adaptau_evaluator_log_likelihood: ℓ at each of `taus`. */
    std::vector<double> log_likelihood(const adaptau_tables &tables, span<const double> taus)
    {
        std::vector<double> means(taus.size());
        call(adaptau_evaluator_log_likelihood, get(), &tables, detail::count("taus", taus.size()), taus.data(), means.data());
        return means;
    }

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

    /** adaptau_evaluator_per_group: a number for each of the options' n_groups groups. */
    std::vector<double> per_group(std::int32_t metric, std::int32_t cutoff, std::int32_t n_groups) const
    {
        std::vector<double> out(detail::size_of(n_groups));
        call(adaptau_evaluator_per_group, get(), metric, cutoff, out.data());
        return out;
    }
};

/** adaptau_search: ask, train, tell. Since 1.0. */
class search : public detail::object<search, adaptau_search, adaptau_search_destroy> {
public:
    /** Empty. */
    search() noexcept = default;

    /** adaptau_search_create. */
    search(const adaptau::context &context, const adaptau_search_options &options)
    {
        make(adaptau_search_create, context.get(), &options);
    }

    /** The value to try, 0 when the search is over. */
    double next() const
    {
        double value = 0;
        call(adaptau_search_next, get(), &value);
        return value;
    }

    /** How good it was. */
    void report(double score) { call(adaptau_search_report, get(), score); }

    /** What has been found. */
    adaptau_search_result result() const
    {
        auto out = sized<adaptau_search_result>();
        call(adaptau_search_get_result, get(), &out);
        return out;
    }
};

/** Bytes of the host's with a name of their own (adaptau_attachment). Since 1.0. */
struct attachment {
    std::string                name;  /**< a-z, 0-9 and _                                                   */
    std::vector<unsigned char> bytes; /**< any                                                              */
};

namespace detail {

inline std::vector<adaptau_attachment> attached(span<const attachment> attachments)
{
    std::vector<adaptau_attachment> all;
    for (const attachment &one : attachments)
        all.push_back({one.name.c_str(), one.bytes.data(), static_cast<std::int64_t>(one.bytes.size())});
    return all;
}

using writer = std::function<void(const void *, std::size_t)>;

inline std::int32_t write_all(void *data, const void *bytes, std::int64_t size) noexcept
{
    return guard(1, [&] {
        (*static_cast<const writer *>(data))(bytes, static_cast<std::size_t>(size));
        return 0;
    });
}

inline std::int32_t take_attachment(void *data, const adaptau_attachment *given) noexcept
{
    return guard(1, [&] {
        const auto *first = static_cast<const unsigned char *>(given->bytes);
        static_cast<std::vector<attachment> *>(data)->push_back({given->name, {first, first + given->size}});
        return 0;
    });
}

/* Somebody's vector for them, or nobody's. */
inline adaptau_attachment_function taker(const std::vector<attachment> *attachments) noexcept
{
    return attachments ? &take_attachment : nullptr;
}

} // namespace detail

/** adaptau_model. `attachments` of its functions, unless nullptr, gets what was saved with the model. Since 1.0. */
class model : public detail::object<model, adaptau_model, adaptau_model_destroy> {
public:
    /** Empty. */
    model() noexcept = default;

    /** adaptau_model_create. */
    model(const adaptau::context &context, const adaptau::dataset &data,
          const adaptau_model_options &options = adaptau::model_options())
    {
        make(adaptau_model_create, context.get(), data.get(), &options);
    }

    /** adaptau_model_load_with. */
    static model load(const adaptau::context &context, const std::string &path, std::vector<attachment> *attachments = nullptr)
    {
        model loaded;
        loaded.make(adaptau_model_load_with, context.get(), path.c_str(), detail::taker(attachments), static_cast<void *>(attachments));
        return loaded;
    }

    /** adaptau_model_load_from: of a file in memory, at any address. */
    static model load(const adaptau::context &context, span<const unsigned char> bytes, std::vector<attachment> *attachments = nullptr)
    {
        model loaded;
        loaded.make(adaptau_model_load_from, context.get(), static_cast<const void *>(bytes.data()),
                    static_cast<std::int64_t>(bytes.size()), detail::taker(attachments), static_cast<void *>(attachments));
        return loaded;
    }

    /** adaptau_model_map: read-only, in a file that all processes share. */
    static model map(const adaptau::context &context, const std::string &path, std::vector<attachment> *attachments = nullptr)
    {
        model mapped;
        mapped.make(adaptau_model_map, context.get(), path.c_str(), detail::taker(attachments), static_cast<void *>(attachments));
        return mapped;
    }

    /** adaptau_model_view: read-only, in memory of the host's that must stay there as long as the model. */
    static model view(const adaptau::context &context, span<const unsigned char> bytes, std::vector<attachment> *attachments = nullptr)
    {
        model viewed;
        viewed.make(adaptau_model_view, context.get(), static_cast<const void *>(bytes.data()),
                    static_cast<std::int64_t>(bytes.size()), detail::taker(attachments), static_cast<void *>(attachments));
        return viewed;
    }

    /** A checkpoint's model, temperature and note. */
    struct checkpoint;

    /** adaptau_model_load_checkpoint. */
    static checkpoint load_checkpoint(const adaptau::context &context, const adaptau::dataset &data, const std::string &path);

    /** adaptau_model_load_checkpoint_from. */
    static checkpoint load_checkpoint(const adaptau::context &context, const adaptau::dataset &data, span<const unsigned char> bytes);

    /** adaptau_model_save_checkpoint. */
    void save_checkpoint(const adaptau::temperature &temperature, const std::string &note, const std::string &path) const
    {
        call(adaptau_model_save_checkpoint, get(), temperature.get(), note.c_str(), path.c_str());
    }

    /** adaptau_model_save_checkpoint_to: write(bytes, size) gets the bytes of that file, piece by piece. */
    void save_checkpoint(const adaptau::temperature &temperature, const std::string &note,
                         const std::function<void(const void *, std::size_t)> &write) const
    {
        call(adaptau_model_save_checkpoint_to, get(), temperature.get(), note.c_str(), &detail::write_all,
             const_cast<void *>(static_cast<const void *>(&write)));
    }

    /** The bytes of that file. */
    std::vector<unsigned char> save_checkpoint(const adaptau::temperature &temperature, const std::string &note) const
    {
        std::vector<unsigned char> bytes;
        save_checkpoint(temperature, note, [&](const void *more, std::size_t size) { append(bytes, more, size); });
        return bytes;
    }

    /** adaptau_model_grow: a new model with the users and items of a larger dataset; new users are folded in by `fold` unless that is
     *  nullptr. */
    model grow(const adaptau::dataset &data, const adaptau_fold_in_options *fold = nullptr) const
    {
        model larger;
        larger.make(adaptau_model_grow, get(), data.get(), fold);
        return larger;
    }

    /** adaptau_model_remap: a new model with the users and items of `data`, by adaptau::row_map. */
    model remap(const adaptau::dataset &data, const adaptau_row_map &map, const adaptau_fold_in_options *fold = nullptr) const
    {
        model mapped;
        mapped.make(adaptau_model_remap, get(), data.get(), &map, fold);
        return mapped;
    }

    /** The same without interactions: no user and no item is new. */
    model remap(const adaptau_row_map &map) const
    {
        model mapped;
        mapped.make(adaptau_model_remap, get(), static_cast<const adaptau_dataset *>(nullptr), &map,
                    static_cast<const adaptau_fold_in_options *>(nullptr));
        return mapped;
    }

    /** Users. */
    std::int32_t n_users() const noexcept { return adaptau_model_n_users(get()); }
    /** Items. */
    std::int32_t n_items() const noexcept { return adaptau_model_n_items(get()); }
    /** Dimension of the embeddings. */
    std::int32_t dim() const noexcept { return adaptau_model_dim(get()); }

    /** adaptau_model_save_with. */
    void save(const std::string &path, span<const attachment> attachments = {}) const
    {
        const auto all = detail::attached(attachments);
        call(adaptau_model_save_with, get(), path.c_str(), detail::count("attachments", all.size()), all.data());
    }

    /** adaptau_model_save_half: tables in F16. */
    void save_half(const std::string &path, span<const attachment> attachments = {}) const
    {
        const auto all = detail::attached(attachments);
        call(adaptau_model_save_half, get(), path.c_str(), detail::count("attachments", all.size()), all.data());
    }

    /** adaptau_model_save_half_to: write(bytes, size) gets the bytes of that file, piece by piece. */
    void save_half(const std::function<void(const void *, std::size_t)> &write, span<const attachment> attachments = {}) const
    {
        const auto all = detail::attached(attachments);
        call(adaptau_model_save_half_to, get(), &detail::write_all, const_cast<void *>(static_cast<const void *>(&write)),
             detail::count("attachments", all.size()), all.data());
    }

    /** The bytes of that file. */
    std::vector<unsigned char> save_half(span<const attachment> attachments = {}) const
    {
        std::vector<unsigned char> bytes;
        save_half([&](const void *more, std::size_t size) { append(bytes, more, size); }, attachments);
        return bytes;
    }

    /** adaptau_model_save_to: write(bytes, size) gets the bytes of that file, piece by piece. */
    void save(const std::function<void(const void *, std::size_t)> &write, span<const attachment> attachments = {}) const
    {
        const auto all = detail::attached(attachments);
        call(adaptau_model_save_to, get(), &detail::write_all, const_cast<void *>(static_cast<const void *>(&write)),
             detail::count("attachments", all.size()), all.data());
    }

    /** The bytes of that file. */
    std::vector<unsigned char> save() const
    {
        std::vector<unsigned char> bytes;
        save([&](const void *more, std::size_t size) { append(bytes, more, size); });
        return bytes;
    }

    /** adaptau_model_export_npy; `side` is ADAPTAU_SIDE_USERS or _ITEMS. */
    void export_npy(std::int32_t side, const std::string &path) const { call(adaptau_model_export_npy, get(), side, path.c_str()); }

    /** adaptau_model_export_index. */
    void export_index(std::int32_t side, const std::string &path) const
    {
        call(adaptau_model_export_index, get(), side, path.c_str());
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

    /** The tables that are trained: adaptau_model_get_raw_tables. */
    adaptau_tables raw_tables() const
    {
        auto out = sized<adaptau_tables>();
        call(adaptau_model_get_raw_tables, get(), &out);
        return out;
    }

    /** What an encoder learns beside them. */
    adaptau_encoder_parameters encoder_parameters() const
    {
        auto out = sized<adaptau_encoder_parameters>();
        call(adaptau_model_get_encoder_parameters, get(), &out);
        return out;
    }

    /** adaptau_model_refresh: after the host has written rows of its own tables. */
    void refresh() { call(adaptau_model_refresh, get()); }
    /** adaptau_model_settle_users. */
    void settle_users(const adaptau::dataset &data) { call(adaptau_model_settle_users, get(), data.get()); }

    /** adaptau_model_prepare: make final embeddings now. */
    void prepare() { call(adaptau_model_prepare, get()); }

    /** adaptau_model_evaluate: the results are read from the evaluator. */
    void evaluate(adaptau::evaluator &evaluator) const { call(adaptau_model_evaluate, get(), evaluator.get()); }

    /** adaptau_model_update_targets: soft targets. */
    void update_targets(const adaptau::dataset &data, const adaptau::temperature &temperature, const adaptau_target_options &options)
    {
        call(adaptau_model_update_targets, get(), data.get(), temperature.get(), &options);
    }

    /** adaptau_model_set_reduce: `function` gets each piece. An empty one: the model's items are the catalogue again. The model keeps
     *  the function. One of training::model() cannot, and throws. */
    void set_reduce(std::function<void(const adaptau_reduce_piece &)> function, adaptau_reduce options = adaptau::reduce())
    {
        if (is_lent())
            detail::refuse(ADAPTAU_E_STATE, "the model belongs to a training: set the function before it does");
        if (!function) {
            call(adaptau_model_set_reduce, get(), static_cast<const adaptau_reduce *>(nullptr));
            keeps_.reset();
            return;
        }
        const auto kept = std::make_shared<std::function<void(const adaptau_reduce_piece &)>>(std::move(function));
        options.function = &detail::reduce_piece;
        options.user_data = kept.get();
        call(adaptau_model_set_reduce, get(), &options);
        keeps_ = kept;
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
        call(adaptau_model_set_item_bias, get(), detail::or_null(bias));
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
        call(adaptau_model_rank, get(), &query, found.data(), detail::or_null(scores));
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
    template <class Object> friend class borrowed;

    static void append(std::vector<unsigned char> &bytes, const void *more, std::size_t size)
    {
        const auto *first = static_cast<const unsigned char *>(more);
        bytes.insert(bytes.end(), first, first + size);
    }
};

/** An object that a training owns, for as long as that says: `->` has its methods, `*` is the object. Since 1.0. */
template <class Object> class borrowed {
public:
    /** Not to be destroyed by this. */
    explicit borrowed(decltype(std::declval<Object>().get()) handle) noexcept : object_(Object::adopt(handle))
    {
        object_.lend();
    }
    /** The handle goes along. */
    borrowed(borrowed &&) noexcept = default;
    borrowed &operator=(borrowed &&) = delete;

    Object &operator*() & noexcept { return object_; }             /**< the object                           */
    Object operator*() && noexcept { return std::move(object_); } /**< of a temporary: one that destroys nothing */
    Object *operator->() noexcept { return &object_; }             /**< its methods                          */

private:
    Object object_;
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

/** adaptau_recipe_fill_for. Since 1.0. */
inline adaptau_recipe fill(adaptau_recipe recipe, std::int32_t n_users, std::int32_t n_items, std::int64_t n_interactions)
{
    call(adaptau_recipe_fill_for, &recipe, n_users, n_items, n_interactions);
    return recipe;
}

/** adaptau_recipe_model_options. Since 1.0. */
inline adaptau_model_options model_options(const adaptau_recipe &recipe)
{
    auto out = sized<adaptau_model_options>();
    call(adaptau_recipe_model_options, &recipe, &out);
    return out;
}

/** adaptau_recipe_loss. Since 1.0. */
inline adaptau_loss loss(const adaptau_recipe &recipe)
{
    auto out = sized<adaptau_loss>();
    call(adaptau_recipe_loss, &recipe, &out);
    return out;
}

/** adaptau_recipe_temperature_options. Since 1.0. */
inline adaptau_temperature_options temperature_options(const adaptau_recipe &recipe)
{
    auto out = sized<adaptau_temperature_options>();
    call(adaptau_recipe_temperature_options, &recipe, &out);
    return out;
}

/** adaptau_recipe_sampler_options. Since 1.0. */
inline adaptau_sampler_options sampler_options(const adaptau_recipe &recipe)
{
    auto out = sized<adaptau_sampler_options>();
    call(adaptau_recipe_sampler_options, &recipe, &out);
    return out;
}

/** adaptau_recipe_fold_in_options. Since 1.0. */
inline adaptau_fold_in_options fold_in_options(const adaptau_recipe &recipe, const adaptau::model &model,
                                               const adaptau::temperature &temperature)
{
    auto out = sized<adaptau_fold_in_options>();
    call(adaptau_recipe_fold_in_options, &recipe, model.get(), temperature.get(), &out);
    return out;
}

/** adaptau_recipe_learning_rates: the rates of users' and items' rows, for model::set_learning_rates. Since 1.0. */
inline std::pair<double, double> learning_rates(const adaptau_recipe &recipe, std::int64_t epoch, std::int64_t step,
                                                std::int64_t n_steps)
{
    std::pair<double, double> rates;
    call(adaptau_recipe_learning_rates, &recipe, epoch, step, n_steps, &rates.first, &rates.second);
    return rates;
}

/** adaptau_popularity_prior: a bias for each item, for model::set_item_bias. Since 1.0. */
inline std::vector<float> popularity_prior(const adaptau::dataset &data, double strength, double tau0)
{
    std::vector<float> bias(detail::size_of(data.n_items()));
    float              none;
    call(adaptau_popularity_prior, data.get(), strength, tau0, bias.empty() ? &none : bias.data());
    return bias;
}

/** adaptau_training. Since 1.0. */
class training : public detail::object<training, adaptau_training, adaptau_training_destroy> {
public:
    /** Empty. */
    training() noexcept = default;

    /** adaptau_training_create. */
    training(const adaptau::context &context, const adaptau::dataset &data, const adaptau_recipe &recipe = adaptau::recipe())
    {
        make(adaptau_training_create, context.get(), data.get(), &recipe);
    }

    /** adaptau_training_create_from: go on with a model, and with a temperature unless that is empty. Both are empty afterwards; after a
     *  failure they are as before. */
    training(const adaptau::context &context, const adaptau::dataset &data, const adaptau_recipe &recipe, adaptau::model &&model,
             adaptau::temperature &&temperature = {})
    {
        make(adaptau_training_create_from, context.get(), data.get(), &recipe, model.get(), temperature.get());
        take_over(model, temperature);
    }

    /** Its model, until it is replaced or taken. Empty after take_model. */
    borrowed<adaptau::model> model() const noexcept { return borrowed<adaptau::model>(adaptau_training_model(get())); }
    /** Its temperature, until it is replaced. */
    borrowed<adaptau::temperature> temperature() const noexcept
    {
        return borrowed<adaptau::temperature>(adaptau_training_temperature(get()));
    }
    /** Its sampler. */
    borrowed<adaptau::sampler> sampler() const noexcept { return borrowed<adaptau::sampler>(adaptau_training_sampler(get())); }

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

    /** adaptau_training_add_loss, for a host that makes its steps by model() itself. */
    void add_loss(double loss) { call(adaptau_training_add_loss, get(), loss); }

    /** adaptau_training_take_model: from now on the training is only to be destroyed, or given another model. */
    adaptau::model take_model()
    {
        adaptau::model taken = adaptau::model::adopt(adaptau_training_take_model(get()));
        taken.keeps_ = std::move(keeps_);
        return taken;
    }

    /** adaptau_training_replace_model: with another model, and another temperature unless that is empty. Both are empty afterwards; after
     *  a failure they are as before. */
    void replace_model(adaptau::model &&model, adaptau::temperature &&temperature = {})
    {
        call(adaptau_training_replace_model, get(), model.get(), temperature.get());
        take_over(model, temperature);
    }

private:
    /* What the model's functions need comes along. */
    void take_over(adaptau::model &model, adaptau::temperature &temperature) noexcept
    {
        model.release();
        temperature.release();
        keeps_ = std::move(model.keeps_);
    }
};

/** What a callback of a fit answers. Since 1.0. */
enum class fit_answer : std::int32_t {
    go_on = ADAPTAU_FIT_GO_ON, /**< on with the training                                                    */
    stop = ADAPTAU_FIT_STOP,   /**< the model as it is                                                      */
    cancel = -1,               /**< no model: adaptau::error with ADAPTAU_E_CANCELLED                       */
};

namespace detail {

using fit_function = std::function<fit_answer(const adaptau_fit_progress &)>;

/* Both callbacks of a fit have one user_data. */
struct fit_functions {
    const fit_function &on_step, &on_epoch;

    static std::int32_t step(void *data, const adaptau_fit_progress *progress) noexcept
    {
        return guard(-1, [&] { return static_cast<std::int32_t>(static_cast<const fit_functions *>(data)->on_step(*progress)); });
    }

    static std::int32_t epoch(void *data, const adaptau_fit_progress *progress) noexcept
    {
        return guard(-1, [&] { return static_cast<std::int32_t>(static_cast<const fit_functions *>(data)->on_epoch(*progress)); });
    }
};

} // namespace detail

/** What adaptau_fit calls; an empty one is none. Since 1.0. */
struct fit_callbacks {
    std::function<fit_answer(const adaptau_fit_progress &)> on_step;  /**< after each step                   */
    std::function<fit_answer(const adaptau_fit_progress &)> on_epoch; /**< after each epoch                  */
};

/** adaptau_fit. `result`, from sized, may be nullptr. `callbacks` take the places of those in the options. Since 1.0. */
inline model fit(const adaptau::context &context, const adaptau::dataset &data, const adaptau_recipe &recipe = adaptau::recipe(),
                 adaptau_fit_options options = adaptau::fit_options(), adaptau_fit_result *result = nullptr,
                 const fit_callbacks &callbacks = {})
{
    adaptau_model        *made = nullptr;
    detail::fit_functions functions{callbacks.on_step, callbacks.on_epoch};
    if (callbacks.on_step || callbacks.on_epoch) {
        options.on_step = callbacks.on_step ? &detail::fit_functions::step : nullptr;
        options.on_epoch = callbacks.on_epoch ? &detail::fit_functions::epoch : nullptr;
        options.user_data = &functions;
    }
    call(adaptau_fit, context.get(), data.get(), &recipe, &options, &made, result);
    return model::adopt(made);
}

namespace detail {

inline std::int32_t tell_tuning(void *data, const adaptau_tune_progress *progress) noexcept
{
    return guard(-1, [&] { return (*static_cast<const std::function<bool(const adaptau_tune_progress &)> *>(data))(*progress) ? 0 : 1; });
}

} // namespace detail

/** adaptau_tune: fills `recipe` and finds its temperature. progress(where) answers whether to go on, and takes the place of that in the
 *  options. Since 1.0. */
inline adaptau_tune_result tune(const adaptau::context &context, const adaptau::dataset &data, adaptau_recipe &recipe,
                                adaptau_tune_options                                     options = adaptau::tune_options(),
                                const std::function<bool(const adaptau_tune_progress &)> &progress = {})
{
    auto result = sized<adaptau_tune_result>();
    if (progress) {
        options.progress = &detail::tell_tuning;
        options.user_data = const_cast<void *>(static_cast<const void *>(&progress));
    }
    call(adaptau_tune, context.get(), data.get(), &options, &recipe, &result);
    return result;
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
    call(adaptau_model_load_checkpoint, context.get(), data.get(), path.c_str(), &read, &tau, static_cast<char *>(note));
    return {adopt(read), adaptau::temperature::adopt(tau), note};
}

inline model::checkpoint model::load_checkpoint(const adaptau::context &context, const adaptau::dataset &data,
                                                span<const unsigned char> bytes)
{
    adaptau_model       *read = nullptr;
    adaptau_temperature *tau = nullptr;
    char                 note[ADAPTAU_NOTE_SIZE];
    call(adaptau_model_load_checkpoint_from, context.get(), data.get(), static_cast<const void *>(bytes.data()),
         static_cast<std::int64_t>(bytes.size()), &read, &tau, static_cast<char *>(note));
    return {adopt(read), adaptau::temperature::adopt(tau), note};
}

/** adaptau_fold_in_options_init; tau is still to be set. Since 1.0. */
inline adaptau_fold_in_options fold_in_options(const adaptau::model &model, std::int32_t tau_user_policy = ADAPTAU_TAU_USER_NONE)
{
    return detail::filled<adaptau_fold_in_options>(adaptau_fold_in_options_init, model.get(), tau_user_policy);
}

/** adaptau_fold_in. Since 1.0. */
class fold_in : public detail::object<fold_in, adaptau_fold_in, adaptau_fold_in_destroy> {
public:
    /** Empty. */
    fold_in() noexcept = default;

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
        call(adaptau_fold_in_users, get(), detail::count("item_ptr", n), item_ptr.data(), items.data(), detail::or_null(weights),
             embeddings.data(), detail::or_null(taus));
    }

private:
    std::size_t dim_ = 0;
};

/* ---- arithmetic on the host's arrays ------------------------------------------------------------------------------- */

/** adaptau_softmax. Since 1.0. */
inline void softmax(const context &context, const adaptau_tables &tables, const adaptau_batch &batch,
                    const adaptau_row_temperatures &temperatures, adaptau_loss_output &output)
{
    call(adaptau_softmax, context.get(), &tables, &batch, &temperatures, &output);
}

/** adaptau_loss_gradients. Since 1.0. */
inline void loss_gradients(const context &context, const adaptau_tables &tables, const adaptau_batch &batch,
                           const adaptau_row_temperatures &temperatures, const adaptau_loss &loss, adaptau_loss_output &output)
{
    call(adaptau_loss_gradients, context.get(), &tables, &batch, &temperatures, &loss, &output);
}

/** adaptau_loss_gradients_of_shard; `function` gets each piece, and takes the place of that in `options`. Since 1.0. */
inline void loss_gradients_of_shard(const context &context, const adaptau_tables &tables, const adaptau_batch &batch,
                                    const adaptau_row_temperatures &temperatures, const adaptau_loss &loss,
                                    const std::function<void(const adaptau_reduce_piece &)> &function, adaptau_loss_output &output,
                                    adaptau_reduce options = adaptau::reduce())
{
    options.function = &detail::reduce_piece;
    options.user_data = const_cast<void *>(static_cast<const void *>(&function));
    call(adaptau_loss_gradients_of_shard, context.get(), &tables, &batch, &temperatures, &loss, function ? &options : nullptr, &output);
}

/** adaptau_merge_row_sums. Since 1.0. */
inline void merge_row_sums(span<adaptau_row_sums> into, span<const adaptau_row_sums> from)
{
    detail::require_size("from", from.size(), into.size());
    adaptau_merge_row_sums(static_cast<std::int64_t>(into.size()), into.data(), from.data());
}

/** adaptau_normalise_rows of [n x dim] in one piece; `norms`, unless it is empty, gets n lengths. Since 1.0. */
inline void normalise_rows(const context &context, std::int32_t dim, span<const float> in, span<float> out, span<float> norms = {})
{
    const std::size_t n = dim > 0 ? in.size() / static_cast<std::size_t>(dim) : 0;
    detail::require_size("in", in.size(), n * detail::size_of(dim));
    detail::require_size("out", out.size(), in.size());
    call(adaptau_normalise_rows, context.get(), static_cast<std::int64_t>(n), dim, in.data(), std::int64_t{0}, out.data(), std::int64_t{0},
         detail::optional("norms", norms, n));
}

/** adaptau_normalise_rows_backward of [n x dim] in one piece; `norms` has n lengths, or is empty for 1 each. Since 1.0. */
inline void normalise_rows_backward(const context &context, std::int32_t dim, span<const float> unit, span<const float> norms,
                                    span<float> gradients)
{
    const std::size_t n = dim > 0 ? unit.size() / static_cast<std::size_t>(dim) : 0;
    detail::require_size("unit", unit.size(), n * detail::size_of(dim));
    detail::require_size("gradients", gradients.size(), unit.size());
    call(adaptau_normalise_rows_backward, context.get(), static_cast<std::int64_t>(n), dim, unit.data(), std::int64_t{0},
         detail::optional("norms", norms, n), gradients.data(), std::int64_t{0});
}

/** adaptau_init_rows: rows first … first + n of a table of `total` rows, [n x dim]. Since 1.0. */
inline std::vector<float> init_rows(const context &context, std::uint64_t seed, std::int32_t side, std::int32_t init, std::int64_t total,
                                    std::int64_t first, std::int64_t n, std::int32_t dim)
{
    std::vector<float> rows(detail::size_of(n) * detail::size_of(dim));
    call(adaptau_init_rows, context.get(), seed, side, init, total, first, n, dim, rows.data(), std::int64_t{0});
    return rows;
}

/** adaptau_top_k of scores [n_rows x n_columns] in one piece; `columns` and, unless it is empty, `values` have n_rows * k entries. Row r
 *  does not get exclude[exclude_ptr[r]] … exclude[exclude_ptr[r + 1]); both may be empty. Since 1.0. */
inline void top_k(const context &context, std::int32_t n_rows, std::int32_t n_columns, span<const float> scores, std::int32_t k,
                  span<std::int32_t> columns, span<float> values = {}, span<const std::int64_t> exclude_ptr = {},
                  span<const std::int32_t> exclude = {})
{
    const std::size_t wanted = detail::size_of(n_rows) * detail::size_of(k);
    detail::require_size("scores", scores.size(), detail::size_of(n_rows) * detail::size_of(n_columns));
    detail::require_size("columns", columns.size(), wanted);
    call(adaptau_top_k, context.get(), n_rows, n_columns, scores.data(), std::int64_t{n_columns}, k,
         detail::optional("exclude_ptr", exclude_ptr, detail::size_of(n_rows) + 1), exclude.data(), columns.data(),
         detail::optional("values", values, wanted));
}

/** adaptau_merge_top_k: lists of k entries of two shards, into `found` and `scores`. Since 1.0. */
inline void merge_top_k(const context &context, std::int32_t k, span<std::int32_t> found, span<float> scores,
                        span<const std::int32_t> other_found, span<const float> other_scores)
{
    const std::size_t n = k > 0 ? found.size() / static_cast<std::size_t>(k) : 0;
    detail::require_size("found", found.size(), n * detail::size_of(k));
    detail::require_size("scores", scores.size(), found.size());
    detail::require_size("other_found", other_found.size(), found.size());
    detail::require_size("other_scores", other_scores.size(), found.size());
    call(adaptau_merge_top_k, context.get(), static_cast<std::int64_t>(n), k, found.data(), scores.data(), other_found.data(),
         other_scores.data());
}

/** adaptau_adam: a gradient for each of `ids`, in their order, or with ADAPTAU_ADAM_GRADIENTS_BY_ID for each row. Since 1.0. */
inline void adam(const context &context, const adaptau_adam_options &options, span<const std::int32_t> ids, span<const float> gradients,
                 const adaptau_adam_rows &rows)
{
    const std::size_t n = options.flags & ADAPTAU_ADAM_GRADIENTS_BY_ID ? detail::size_of(rows.n) : ids.size();
    detail::require_size("gradients", gradients.size(), n * detail::size_of(rows.dim));
    call(adaptau_adam, context.get(), &options, static_cast<std::int64_t>(ids.size()), ids.data(), gradients.data(), std::int64_t{0},
         &rows);
}

/** adaptau_table_moments of [n x dim] in one piece. Since 1.0. */
inline std::vector<double> table_moments(const context &context, std::int32_t dim, span<const float> rows, bool normalise)
{
    const std::size_t   n = dim > 0 ? rows.size() / static_cast<std::size_t>(dim) : 0;
    std::vector<double> out(detail::size_of(adaptau_table_moments_size(dim)));
    detail::require_size("rows", rows.size(), n * detail::size_of(dim));
    call(adaptau_table_moments, context.get(), static_cast<std::int64_t>(n), dim, rows.data(), std::int64_t{0}, normalise ? 1 : 0,
         out.data());
    return out;
}

/** adaptau_table_moments_merge. Since 1.0. */
inline void merge_table_moments(std::int32_t dim, span<double> into, span<const double> from)
{
    detail::require_size("into", into.size(), detail::size_of(adaptau_table_moments_size(dim)));
    detail::require_size("from", from.size(), into.size());
    adaptau_table_moments_merge(dim, into.data(), from.data());
}

/** adaptau_interaction_moments: four sums. Since 1.0. */
inline std::vector<double> interaction_moments(const context &context, const adaptau_tables &tables, const adaptau::dataset &data)
{
    std::vector<double> out(4);
    call(adaptau_interaction_moments, context.get(), &tables, data.get(), out.data());
    return out;
}

} // namespace adaptau

#endif
