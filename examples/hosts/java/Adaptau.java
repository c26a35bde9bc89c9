// SPDX-License-Identifier: MIT

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.Structure.FieldOrder;
import com.sun.jna.ptr.DoubleByReference;
import com.sun.jna.ptr.PointerByReference;

import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * libadaptau for Java, by JNA. JNA copies Java's arrays for the time of a call, because the collector may move them; the library
 * keeps none of those that are used here. Objects are AutoCloseable: those made from a context are closed before it, which
 * try-with-resources does by itself. A failed call throws Adaptau.Failure.
 */
public final class Adaptau {
    private Adaptau() {
    }

    // ---- structs, as in the headers; members that are not set are zero, their defaults ----------------------------------

    /** A struct that begins with its size. */
    public abstract static class Sized extends Structure {
        public int struct_size;

        Sized() {
            super(Structure.ALIGN_GNUC);
        }

        /** Once the members are known, which they are not in the constructor of this class. */
        final void setSize() {
            struct_size = size();
        }
    }

    @FieldOrder({"status", "os_error", "message"})
    public static class ErrorStruct extends Structure {
        public int status, os_error;
        public byte[] message = new byte[248];
    }

    @FieldOrder({"struct_size", "flags", "n_users", "n_items", "dim", "reserved", "users", "user_stride", "items", "item_stride",
                 "item_bias"})
    public static class Tables extends Sized {
        public int flags, n_users, n_items, dim, reserved;
        public Pointer users;
        public long user_stride;
        public Pointer items;
        public long item_stride;
        public Pointer item_bias;

        Tables() {
            setSize();
        }
    }

    @FieldOrder({"struct_size", "flags", "n_rows", "candidates", "users", "positive_ptr", "positives", "n_candidates",
                 "candidate_ids", "log_q", "row_weights", "positive_weights", "negative_ptr", "negatives", "negative_weights",
                 "target_shares", "user_targets", "item_targets", "item_target_scale", "reserved"})
    public static class Batch extends Sized {
        public int flags, n_rows, candidates;
        public Pointer users, positive_ptr, positives;
        public long n_candidates;
        public Pointer candidate_ids, log_q, row_weights, positive_weights, negative_ptr, negatives, negative_weights;
        public Pointer target_shares, user_targets, item_targets;
        public float item_target_scale;
        public int reserved;

        Batch() {
            setSize();
        }
    }

    @FieldOrder({"struct_size", "flags", "kind", "rows", "rows_per_batch", "reserved", "n_candidates", "popularity_exponent",
                 "row_weight_exponent", "seed"})
    public static class SamplerOptions extends Sized {
        public int flags, kind, rows, rows_per_batch, reserved;
        public long n_candidates;
        public double popularity_exponent, row_weight_exponent;
        public long seed;

        /** With the defaults of the exact softmax over the catalogue that the library writes. */
        SamplerOptions() {
            setSize();
            call(error -> C.adaptau_sampler_options_init(this, 0, error));
        }
    }

    @FieldOrder({"struct_size", "flags", "n_updates", "n_users_counted", "n_users_clamped", "n_users_observed", "tau0",
                 "log_ratio", "mean_all", "variance_all", "mean_positive", "variance_positive", "threshold", "tau_user_min",
                 "tau_user_max"})
    public static class TemperatureState extends Sized {
        public int flags;
        public long n_updates, n_users_counted, n_users_clamped, n_users_observed;
        public double tau0, log_ratio, mean_all, variance_all, mean_positive, variance_positive, threshold, tau_user_min,
            tau_user_max;

        TemperatureState() {
            setSize();
        }
    }

    @FieldOrder({"struct_size", "n_cutoffs", "cutoffs", "n_masks", "n_groups", "masks", "item_groups"})
    public static class EvaluatorOptions extends Sized {
        public int n_cutoffs;
        public Pointer cutoffs;
        public int n_masks, n_groups;
        public Pointer masks, item_groups;

        /** With the defaults that the library writes. */
        EvaluatorOptions() {
            setSize();
            call(error -> C.adaptau_evaluator_options_init(this, error));
        }
    }

    @FieldOrder({"struct_size", "flags", "encoder", "dim", "init", "n_layers", "seed", "host_users", "host_items",
                 "host_user_stride", "host_item_stride", "learning_rate_users", "learning_rate_items", "beta1_users",
                 "beta1_items", "beta2", "epsilon", "weight_decay", "edge_dropout",
                 "layer_dropout", "gate", "host_encoder"})
    public static class ModelOptions extends Sized {
        public int flags, encoder, dim, init, n_layers;
        public long seed;
        public Pointer host_users, host_items;
        public long host_user_stride, host_item_stride;
        public double learning_rate_users, learning_rate_items, beta1_users, beta1_items, beta2, epsilon, weight_decay;
        public double edge_dropout, layer_dropout, gate;
        public Pointer host_encoder;

        /** With the defaults that the library writes. */
        ModelOptions() {
            setSize();
            call(error -> C.adaptau_model_options_init(this, error));
        }
    }

    @FieldOrder({"struct_size", "flags", "question", "n", "k", "n_allowed", "ids", "embeddings", "embedding_stride", "seen",
                 "allowed", "exclude_ptr", "exclude"})
    public static class Query extends Sized {
        public int flags, question, n, k, n_allowed;
        public Pointer ids, embeddings;
        public long embedding_stride;
        public Pointer seen, allowed, exclude_ptr, exclude;

        Query() {
            setSize();
        }
    }

    @FieldOrder({"struct_size", "n_rows", "n_terms", "loss"})
    public static class Step extends Sized {
        public int n_rows;
        public double n_terms, loss;

        Step() {
            setSize();
        }
    }

    // ---- functions ------------------------------------------------------------------------------------------------------

    /** What is used of the headers: JNA fills these in. */
    private static final class C {
        static {
            Native.register(C.class, NativeLibrary.getInstance("adaptau",
                Map.of(com.sun.jna.Library.OPTION_STRING_ENCODING, StandardCharsets.UTF_8.name())));
        }

        static native String adaptau_status_name(int status);

        static native int adaptau_context_create(Pointer options, PointerByReference out, ErrorStruct error);

        static native void adaptau_context_destroy(Pointer context);

        static native int adaptau_dataset_create_from_interactions(Pointer context, int nUsers, int nItems, long nPairs, int[] users,
                                                            int[] items, float[] weights, PointerByReference out, ErrorStruct error);

        static native void adaptau_dataset_destroy(Pointer dataset);

        static native long adaptau_dataset_n_interactions(Pointer dataset);

        static native int adaptau_temperature_create(Pointer context, Pointer dataset, Pointer options, PointerByReference out,
                                                     ErrorStruct error);

        static native void adaptau_temperature_destroy(Pointer temperature);

        static native int adaptau_temperature_get_state(Pointer temperature, TemperatureState out, ErrorStruct error);

        static native int adaptau_sampler_options_init(SamplerOptions options, int kind, ErrorStruct error);

        static native int adaptau_sampler_create(Pointer context, Pointer dataset, SamplerOptions options,
                                                 PointerByReference out, ErrorStruct error);

        static native void adaptau_sampler_destroy(Pointer sampler);

        static native int adaptau_sampler_begin_epoch(Pointer sampler, long epoch, ErrorStruct error);

        static native int adaptau_sampler_next(Pointer sampler, Batch out, ErrorStruct error);

        static native int adaptau_evaluator_options_init(EvaluatorOptions options, ErrorStruct error);

        static native int adaptau_evaluator_create(Pointer context, Pointer heldOut, EvaluatorOptions options,
                                                   PointerByReference out, ErrorStruct error);

        static native void adaptau_evaluator_destroy(Pointer evaluator);

        static native int adaptau_evaluator_run(Pointer evaluator, Tables tables, ErrorStruct error);

        static native int adaptau_evaluator_mean(Pointer evaluator, int metric, int cutoff, DoubleByReference out,
                                                 ErrorStruct error);

        static native int adaptau_model_options_init(ModelOptions options, ErrorStruct error);

        static native int adaptau_model_create(Pointer context, Pointer dataset, ModelOptions options, PointerByReference out,
                                               ErrorStruct error);

        static native void adaptau_model_destroy(Pointer model);

        static native int adaptau_model_load(Pointer context, String path, PointerByReference out, ErrorStruct error);

        static native int adaptau_model_save(Pointer model, String path, ErrorStruct error);

        static native int adaptau_model_get_tables(Pointer model, Tables out, ErrorStruct error);

        static native int adaptau_model_update_temperature(Pointer model, Pointer temperature, ErrorStruct error);

        static native int adaptau_model_gradients(Pointer model, Batch batch, Pointer temperature, Step step, ErrorStruct error);

        static native int adaptau_model_apply(Pointer model, ErrorStruct error);

        static native int adaptau_model_rank(Pointer model, Query query, int[] found, float[] scores, ErrorStruct error);
    }

    /** A call that failed. */
    static final class Failure extends RuntimeException {
        private static final long serialVersionUID = 1;
        final int status;
        final String name;

        Failure(int status, ErrorStruct cause) {
            super(Native.toString(cause.message, "UTF-8"));
            this.status = status;
            this.name = C.adaptau_status_name(status);
        }
    }

    private interface Call {
        int with(ErrorStruct error);
    }

    private static void call(Call function) {
        ErrorStruct cause = new ErrorStruct();
        int status = function.with(cause);
        if (status != 0)
            throw new Failure(status, cause);
    }

    private interface Create {
        int with(PointerByReference out, ErrorStruct error);
    }

    private interface Destroy {
        void handle(Pointer handle);
    }

    /** What all objects are: a handle that is destroyed once. */
    abstract static class Owned implements AutoCloseable {
        private final Destroy destroy;
        Pointer handle;

        Owned(Destroy destroy, Create create) {
            this.destroy = destroy;
            PointerByReference out = new PointerByReference();
            call(error -> create.with(out, error));
            handle = out.getValue();
        }

        @Override
        public void close() {
            if (handle != null)
                destroy.handle(handle);
            handle = null;
        }
    }

    // ---- objects --------------------------------------------------------------------------------------------------------

    static final class Context extends Owned {
        Context() {
            super(C::adaptau_context_destroy, (out, error) -> C.adaptau_context_create(null, out, error));
        }
    }

    static final class Dataset extends Owned {
        /** Pairs in any order. The library copies them. */
        Dataset(Context context, int nUsers, int nItems, int[] users, int[] items) {
            super(C::adaptau_dataset_destroy, (out, error) -> {
                if (users.length != items.length)
                    throw new IllegalArgumentException(users.length + " users, but " + items.length + " items");
                return C.adaptau_dataset_create_from_interactions(context.handle, nUsers, nItems, users.length, users, items, null,
                                                                  out, error);
            });
        }

        long pairs() {
            return C.adaptau_dataset_n_interactions(handle);
        }
    }

    static final class Temperature extends Owned {
        Temperature(Context context, Dataset dataset) {
            super(C::adaptau_temperature_destroy,
                  (out, error) -> C.adaptau_temperature_create(context.handle, dataset.handle, null, out, error));
        }

        TemperatureState state() {
            TemperatureState state = new TemperatureState();
            call(error -> C.adaptau_temperature_get_state(handle, state, error));
            return state;
        }
    }

    static final class Sampler extends Owned {
        private final Batch batch = new Batch();

        Sampler(Context context, Dataset dataset, SamplerOptions options) {
            super(C::adaptau_sampler_destroy,
                  (out, error) -> C.adaptau_sampler_create(context.handle, dataset.handle, options, out, error));
        }

        void beginEpoch(long epoch) {
            call(error -> C.adaptau_sampler_begin_epoch(handle, epoch, error));
        }

        /** Null when the epoch is over. Good until the next one is asked for. */
        Batch next() {
            call(error -> C.adaptau_sampler_next(handle, batch, error));
            return batch.n_rows > 0 ? batch : null;
        }
    }

    static final class Evaluator extends Owned {
        static final int RECALL = 0, NDCG = 1, PRECISION = 2, HIT_RATE = 3, MRR = 4, MAP = 5;

        private final int cutoff;

        /** Metrics at one cutoff; what is in the mask is not ranked. */
        Evaluator(Context context, Dataset heldOut, int cutoff, Dataset mask) {
            super(C::adaptau_evaluator_destroy, (out, error) -> {
                try (Memory cutoffs = new Memory(Integer.BYTES); Memory masks = new Memory(Native.POINTER_SIZE)) {
                    cutoffs.setInt(0, cutoff);
                    masks.setPointer(0, mask.handle);
                    EvaluatorOptions options = new EvaluatorOptions();
                    options.n_cutoffs = 1;
                    options.cutoffs = cutoffs;
                    options.n_masks = 1;
                    options.masks = masks;
                    return C.adaptau_evaluator_create(context.handle, heldOut.handle, options, out, error);
                }
            });
            this.cutoff = cutoff;
        }

        void run(Model model) {
            Tables tables = new Tables();
            call(error -> C.adaptau_model_get_tables(model.handle, tables, error));
            call(error -> C.adaptau_evaluator_run(handle, tables, error));
        }

        double mean(int metric) {
            DoubleByReference mean = new DoubleByReference();
            call(error -> C.adaptau_evaluator_mean(handle, metric, cutoff, mean, error));
            return mean.getValue();
        }
    }

    /** k items for each user, best first; -1 where fewer are left. */
    record TopK(int[] items, float[] scores) {
    }

    static final class Model extends Owned {
        Model(Context context, Dataset dataset, ModelOptions options) {
            super(C::adaptau_model_destroy,
                  (out, error) -> C.adaptau_model_create(context.handle, dataset.handle, options, out, error));
        }

        /** From a file that save wrote. */
        Model(Context context, String path) {
            super(C::adaptau_model_destroy, (out, error) -> C.adaptau_model_load(context.handle, path, out, error));
        }

        void save(String path) {
            call(error -> C.adaptau_model_save(handle, path, error));
        }

        void updateTemperature(Temperature temperature) {
            call(error -> C.adaptau_model_update_temperature(handle, temperature.handle, error));
        }

        Step gradients(Batch batch, Temperature temperature) {
            Step step = new Step();
            call(error -> C.adaptau_model_gradients(handle, batch, temperature.handle, step, error));
            return step;
        }

        void apply() {
            call(error -> C.adaptau_model_apply(handle, error));
        }

        TopK topK(int[] users, int k, Dataset seen) {
            TopK best = new TopK(new int[users.length * k], new float[users.length * k]);
            Query query = new Query();
            query.n = users.length;
            query.k = k;
            query.ids = new Memory(Math.max(1, users.length) * 4L);
            query.ids.write(0, users, 0, users.length);
            query.seen = seen == null ? null : seen.handle;
            call(error -> C.adaptau_model_rank(handle, query, best.items, best.scores, error));
            return best;
        }
    }
}
