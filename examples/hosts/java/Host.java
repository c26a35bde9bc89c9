// SPDX-License-Identifier: MIT

import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;

/** The host of ../README.md in Java, with the class beside it. */
public final class Host {
    private static final int USERS = 600, ITEMS = 200, TASTES = 10, TRAIN = 12, TEST = 4, CUTOFF = 10, BEST = 5;
    private static final int SOMEONE = 7;

    private Host() {
    }

    private record Pairs(int[] users, int[] items) {
        static Pairs of(int draws) {
            return new Pairs(new int[USERS * draws], new int[USERS * draws]);
        }

        void set(int place, int user, int item) {
            users[place] = user;
            items[place] = item;
        }
    }

    /** Of 16 draws from the 20 items of a user's taste, 12 are for training and 4 for the test. */
    private static void makePairs(Pairs train, Pairs test) {
        int state = 1;
        for (int user = 0; user < USERS; user++) {
            for (int draw = 0; draw < TRAIN + TEST; draw++) {
                state = state * 1664525 + 1013904223;
                int item = (state >>> 16) % (ITEMS / TASTES) * TASTES + user % TASTES;
                if (draw < TRAIN)
                    train.set(user * TRAIN + draw, user, item);
                else
                    test.set(user * TEST + draw - TRAIN, user, item);
            }
        }
    }

    /** Of the bits of every number that is printed. */
    private static final class Fingerprint {
        private long value = 0xcbf29ce484222325L;

        void mix(long bits) {
            value = (value ^ bits) * 0x100000001b3L;
        }

        void mix(double number) {
            mix(Double.doubleToRawLongBits(number));
        }

        void mix(float number) {
            mix(Integer.toUnsignedLong(Float.floatToRawIntBits(number)));
        }
    }

    private static void print(String format, Object... values) {
        System.out.printf(Locale.ROOT, format + "%n", values);
    }

    private static void trainEpoch(Adaptau.Training training, long epoch) {
        training.beginEpoch(epoch);
        for (Adaptau.Batch batch = training.next(); batch != null; batch = training.next()) {
            training.gradients(batch);
            training.apply();
        }
        training.endEpoch();
    }

    private static void train(Adaptau.Training training, Adaptau.Evaluator evaluator, Fingerprint fingerprint) {
        Adaptau.Recipe recipe = training.recipe();
        print("recipe: %d epochs, %d users in a batch, tau %.6f", recipe.epochs, recipe.rows_per_batch, recipe.tau);
        fingerprint.mix(recipe.tau);
        for (long epoch = 0; epoch < recipe.epochs; epoch++) {
            trainEpoch(training, epoch);
            evaluator.run(training.model);
            Adaptau.TrainingState state = training.state();
            double recall = evaluator.mean(Adaptau.Evaluator.RECALL);
            print("epoch %d  loss %.6f  tau %.6f  recall@%d %.6f", epoch + 1, state.loss, state.tau0, CUTOFF, recall);
            for (double number : new double[] {state.loss, state.tau0, recall})
                fingerprint.mix(number);
        }
    }

    private static Adaptau.TopK recommend(Adaptau.Model model, Adaptau.Dataset train) {
        return model.topK(new int[] {SOMEONE}, BEST, train);
    }

    private static String compare(Adaptau.TopK a, Adaptau.TopK b) {
        return Arrays.equals(a.items(), b.items()) && Arrays.equals(a.scores(), b.scores()) ? "the same" : "different";
    }

    /** A mistake of the host's is an exception like any other; the model is as usable as before. */
    private static void askForNobody(Adaptau.Model model) {
        try {
            model.topK(new int[] {USERS}, BEST, null);
        } catch (Adaptau.Failure mistake) {
            print("user %d: %s: %s", USERS, mistake.name, mistake.getMessage());
        }
    }

    /** A recipe says how a model is trained: what the host knows, and for the rest what suits the data. */
    private static Adaptau.Recipe makeRecipe(Adaptau.Dataset data) {
        Adaptau.Recipe recipe = new Adaptau.Recipe();
        recipe.dim = 16;
        recipe.epochs = 4;
        recipe.seed = 1;
        return recipe.fill(data);
    }

    private static void run(String path) {
        Pairs trainPairs = Pairs.of(TRAIN), testPairs = Pairs.of(TEST);
        makePairs(trainPairs, testPairs);
        try (Adaptau.Context context = new Adaptau.Context();
             Adaptau.Dataset train = new Adaptau.Dataset(context, USERS, ITEMS, trainPairs.users(), trainPairs.items());
             Adaptau.Dataset test = new Adaptau.Dataset(context, USERS, ITEMS, testPairs.users(), testPairs.items());
             Adaptau.Training training = new Adaptau.Training(context, train, makeRecipe(train)); // finds the temperature
             Adaptau.Evaluator evaluator = new Adaptau.Evaluator(context, test, CUTOFF, train)) {
            Fingerprint fingerprint = new Fingerprint();
            print("%d users, %d items, %d pairs", USERS, ITEMS, train.pairs());
            train(training, evaluator, fingerprint);

            Adaptau.TopK best = recommend(training.model, train);
            for (int k = 0; k < BEST; k++) {
                print("user %d  item %d  score %.6f", SOMEONE, best.items()[k], best.scores()[k]);
                fingerprint.mix((long) best.items()[k]);
                fingerprint.mix(best.scores()[k]);
            }
            training.model.save(path);
            try (Adaptau.Model loaded = new Adaptau.Model(context, path)) {
                print("loaded: %s", compare(best, recommend(loaded, train)));
            }

            // All of it in one call, which tells of each epoch: by the same recipe it is the same model.
            AtomicLong epochs = new AtomicLong();
            try (Adaptau.Model fitted = Adaptau.fit(context, train, training.recipe(), progress -> {
                epochs.set(progress.epoch + 1);
                return true;
            })) {
                print("fit: %d epochs, %s", epochs.get(), compare(best, recommend(fitted, train)));
                askForNobody(fitted);
            }
            print("fingerprint %016x", fingerprint.value);
        }
    }

    public static void main(String[] arguments) {
        if (arguments.length != 1) {
            System.err.println("usage: Host MODEL_FILE");
            System.exit(2);
        }
        try {
            run(arguments[0]);
        } catch (Adaptau.Failure failure) {
            System.err.println(failure.name + ": " + failure.getMessage());
            System.exit(1);
        }
    }
}
