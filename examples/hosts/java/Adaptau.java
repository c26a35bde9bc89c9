// SPDX-License-Identifier: MIT

import com.sun.jna.CallbackReference;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.Structure.FieldOrder;
import com.sun.jna.ptr.DoubleByReference;
import com.sun.jna.ptr.PointerByReference;

import java.lang.ref.Reference;
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

    @FieldOrder({"struct_size", "flags", "n_rows", "candidates", "users", "positive_ptr", "positives", "n_candidates",
                 "candidate_ids", "log_q", "row_weights", "positive_weights", "target_shares", "user_targets", "item_targets",
                 "item_target_scale", "reserved"})
    public static class Batch extends Sized {
        public int flags, n_rows, candidates;
        public Pointer users, positive_ptr, positives;
        public long n_candidates;
        public Pointer candidate_ids, log_q, row_weights, positive_weights, target_shares, user_targets, item_targets;
        public float item_target_scale;
        public int reserved;

        Batch() {
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

    @FieldOrder({"struct_size", "encoder", "init", "normalise", "free_length", "unit_raw_rows", "rank_raw",
                 "row_second_moment", "bfloat16", "loss", "tau0_policy", "tau_user_policy", "candidates", "log_q",
                 "reject_positives", "positives_outside_sum", "dim", "n_layers", "rows_per_batch", "n_candidates",
                 "epochs", "warmup_epochs", "seed", "edge_dropout", "layer_dropout", "gate", "weight_decay", "margin",
                 "negative_weight", "tau", "tau_min", "tau_max", "tau_divisor", "tau_learning_rate",
                 "threshold_quantile", "degree_quantile", "popularity_exponent", "row_weight_exponent",
                 "soft_targets", "learning_rate_users", "learning_rate_items", "popularity_prior", "top_k",
                 "weight_tau", "positive_scale", "activation", "reserved"})
    public static class Recipe extends Sized {
        public int encoder, init, normalise, free_length, unit_raw_rows, rank_raw, row_second_moment, bfloat16, loss,
            tau0_policy, tau_user_policy, candidates, log_q, reject_positives, positives_outside_sum;
        public long dim, n_layers, rows_per_batch, n_candidates, epochs, warmup_epochs, seed;
        public double edge_dropout, layer_dropout, gate, weight_decay, margin, negative_weight, tau, tau_min, tau_max,
            tau_divisor, tau_learning_rate, threshold_quantile, degree_quantile, popularity_exponent,
            row_weight_exponent, soft_targets, learning_rate_users, learning_rate_items, popularity_prior;
        public long top_k;
        public double weight_tau, positive_scale;
        public int activation, reserved;

        /** The defaults; what suits the data is left open. */
        Recipe() {
            setSize();
            call(error -> C.adaptau_recipe_init(this, error));
        }

        /** What is open is decided by the dataset. */
        Recipe fill(Dataset dataset) {
            call(error -> C.adaptau_recipe_fill(this, dataset.handle, error));
            return this;
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

    @FieldOrder({"struct_size", "reserved", "epoch", "n_epochs", "step", "n_steps", "loss", "tau0"})
    public static class TrainingState extends Sized {
        public int reserved;
        public long epoch, n_epochs, step, n_steps;
        public double loss, tau0;

        TrainingState() {
            setSize();
        }
    }

    @FieldOrder({"phase", "evaluated", "best", "reserved", "epoch", "n_epochs", "step", "n_steps", "loss", "tau0", "recall", "ndcg",
                 "model"})
    public static class FitProgress extends Structure {
        public int phase, evaluated, best, reserved;
        public long epoch, n_epochs, step, n_steps;
        public double loss, tau0, recall, ndcg;
        public Pointer model;

        private FitProgress(Pointer struct) {
            super(struct);
            read();
        }
    }

    /** A function that the library calls. It answers STOP, or GO_ON. */
    private interface FitFunction extends com.sun.jna.Callback {
        int call(Pointer userData, Pointer progress);
    }

    @FieldOrder({"struct_size", "cutoff", "validation", "held_out_share", "held_out_seed", "n_epochs", "eval_every", "patience",
                 "on_step", "on_epoch", "user_data"})
    public static class FitOptions extends Sized {
        public int cutoff;
        public Pointer validation;
        public double held_out_share;
        public long held_out_seed, n_epochs, eval_every, patience;
        public Pointer on_step, on_epoch, user_data;

        /** With the defaults that the library writes. */
        FitOptions() {
            setSize();
            call(error -> C.adaptau_fit_options_init(this, error));
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

        static native int adaptau_evaluator_options_init(EvaluatorOptions options, ErrorStruct error);

        static native int adaptau_evaluator_create(Pointer context, Pointer heldOut, EvaluatorOptions options,
                                                   PointerByReference out, ErrorStruct error);

        static native void adaptau_evaluator_destroy(Pointer evaluator);

        static native int adaptau_evaluator_mean(Pointer evaluator, int metric, int cutoff, DoubleByReference out,
                                                 ErrorStruct error);

        static native void adaptau_model_destroy(Pointer model);

        static native int adaptau_model_load(Pointer context, String path, PointerByReference out, ErrorStruct error);

        static native int adaptau_model_save(Pointer model, String path, ErrorStruct error);

        static native int adaptau_model_evaluate(Pointer model, Pointer evaluator, ErrorStruct error);

        static native int adaptau_model_gradients(Pointer model, Batch batch, Pointer temperature, Step step, ErrorStruct error);

        static native int adaptau_model_apply(Pointer model, ErrorStruct error);

        static native int adaptau_model_rank(Pointer model, Query query, int[] found, float[] scores, ErrorStruct error);

        static native int adaptau_recipe_init(Recipe recipe, ErrorStruct error);

        static native int adaptau_recipe_fill(Recipe recipe, Pointer dataset, ErrorStruct error);

        static native int adaptau_training_create(Pointer context, Pointer dataset, Recipe recipe, PointerByReference out,
                                                  ErrorStruct error);

        static native void adaptau_training_destroy(Pointer training);

        static native Pointer adaptau_training_model(Pointer training);

        static native Pointer adaptau_training_temperature(Pointer training);

        static native int adaptau_training_begin_epoch(Pointer training, long epoch, ErrorStruct error);

        static native int adaptau_training_next(Pointer training, Batch batch, ErrorStruct error);

        static native int adaptau_training_add_loss(Pointer training, double loss, ErrorStruct error);

        static native int adaptau_training_end_epoch(Pointer training, ErrorStruct error);

        static native int adaptau_training_get_state(Pointer training, TrainingState out, ErrorStruct error);

        static native int adaptau_training_get_recipe(Pointer training, Recipe out, ErrorStruct error);

        static native int adaptau_fit_options_init(FitOptions options, ErrorStruct error);

        static native int adaptau_fit(Pointer context, Pointer dataset, Recipe recipe, FitOptions options, PointerByReference model,
                                      Pointer result, ErrorStruct error);
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

        Owned(Destroy destroy, Pointer handle) {
            this.destroy = destroy;
            this.handle = handle;
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

    /** A model, its temperature and its schedule, by a recipe; the steps are the host's. */
    static final class Training extends Owned {
        private final Batch batch = new Batch();
        /** The training's, which destroys it. */
        final Model model;

        Training(Context context, Dataset dataset, Recipe recipe) {
            super(C::adaptau_training_destroy,
                  (out, error) -> C.adaptau_training_create(context.handle, dataset.handle, recipe, out, error));
            model = new Model(C.adaptau_training_model(handle));
        }

        /** With the temperature that was found. */
        Recipe recipe() {
            Recipe recipe = new Recipe();
            call(error -> C.adaptau_training_get_recipe(handle, recipe, error));
            return recipe;
        }

        TrainingState state() {
            TrainingState state = new TrainingState();
            call(error -> C.adaptau_training_get_state(handle, state, error));
            return state;
        }

        void beginEpoch(long epoch) {
            call(error -> C.adaptau_training_begin_epoch(handle, epoch, error));
        }

        /** Null when the epoch is over. Good until the next one is asked for. */
        Batch next() {
            call(error -> C.adaptau_training_next(handle, batch, error));
            return batch.n_rows > 0 ? batch : null;
        }

        /** Gradients of the batch, whose loss counts in the state. */
        void gradients(Batch batch) {
            Step step = new Step();
            Pointer temperature = C.adaptau_training_temperature(handle);
            call(error -> C.adaptau_model_gradients(model.handle, batch, temperature, step, error));
            call(error -> C.adaptau_training_add_loss(handle, step.loss, error));
        }

        void apply() {
            call(error -> C.adaptau_model_apply(model.handle, error));
        }

        void endEpoch() {
            call(error -> C.adaptau_training_end_epoch(handle, error));
        }
    }

    /** What fit tells of an epoch; it answers whether to go on. */
    interface Listener {
        boolean epoch(FitProgress progress);
    }

    /** A training in one call. What the listener throws ends it, and is thrown here: no exception passes through C. */
    static Model fit(Context context, Dataset dataset, Recipe recipe, Listener listener) {
        RuntimeException[] thrown = new RuntimeException[1];
        FitFunction tell = (userData, progress) -> {
            try {
                return listener.epoch(new FitProgress(progress)) ? 0 : 1;
            } catch (RuntimeException exception) {
                thrown[0] = exception;
                return -1;
            }
        };
        FitOptions options = new FitOptions();
        options.on_epoch = CallbackReference.getFunctionPointer(tell);
        try {
            return new Model((out, error) -> C.adaptau_fit(context.handle, dataset.handle, recipe, options, out, null, error));
        } catch (Failure failure) {
            throw thrown[0] != null ? thrown[0] : failure;
        } finally {
            Reference.reachabilityFence(tell); // the library has its address alone
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
            call(error -> C.adaptau_model_evaluate(model.handle, handle, error));
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
        private Model(Create create) {
            super(C::adaptau_model_destroy, create);
        }

        /** One that another object destroys. */
        private Model(Pointer borrowed) {
            super(handle -> { }, borrowed);
        }

        /** From a file that save wrote. */
        Model(Context context, String path) {
            super(C::adaptau_model_destroy, (out, error) -> C.adaptau_model_load(context.handle, path, out, error));
        }

        void save(String path) {
            call(error -> C.adaptau_model_save(handle, path, error));
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
