// SPDX-License-Identifier: MIT

import java.util.Arrays;
import java.util.Locale;

/** The host of ../README.md in Java, with the class beside it. */
public final class Host {
    private static final int USERS = 600, ITEMS = 200, TASTES = 10, TRAIN = 12, TEST = 4, EPOCHS = 8, CUTOFF = 10, BEST = 5;
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

    /** The mean loss of an epoch's terms. */
    private static double trainEpoch(Adaptau.Model model, Adaptau.Sampler sampler, Adaptau.Temperature temperature, int epoch) {
        double loss = 0, terms = 0;
        model.updateTemperature(temperature);
        sampler.beginEpoch(epoch);
        for (Adaptau.Batch batch = sampler.next(); batch != null; batch = sampler.next()) {
            Adaptau.Step step = model.gradients(batch, temperature);
            model.apply();
            loss += step.loss;
            terms += step.n_terms;
        }
        return loss / terms;
    }

    private static void recommend(Adaptau.Context context, Adaptau.Model model, Adaptau.Dataset train, String path,
                                  Fingerprint fingerprint) {
        int[] someone = {SOMEONE};
        Adaptau.TopK best = model.topK(someone, BEST, train);
        for (int k = 0; k < BEST; k++) {
            print("user %d  item %d  score %.6f", SOMEONE, best.items()[k], best.scores()[k]);
            fingerprint.mix((long) best.items()[k]);
            fingerprint.mix(best.scores()[k]);
        }
        model.save(path);
        try (Adaptau.Model loaded = new Adaptau.Model(context, path)) {
            Adaptau.TopK again = loaded.topK(someone, BEST, train);
            boolean same = Arrays.equals(best.items(), again.items()) && Arrays.equals(best.scores(), again.scores());
            print("loaded: %s", same ? "the same" : "different");
        }
    }

    private static void run(String path) {
        Pairs trainPairs = Pairs.of(TRAIN), testPairs = Pairs.of(TEST);
        makePairs(trainPairs, testPairs);
        Adaptau.ModelOptions modelOptions = new Adaptau.ModelOptions();
        modelOptions.dim = 32;
        modelOptions.seed = 1;
        Adaptau.SamplerOptions samplerOptions = new Adaptau.SamplerOptions();
        samplerOptions.rows_per_batch = 64;
        samplerOptions.seed = 1;

        try (Adaptau.Context context = new Adaptau.Context();
             Adaptau.Dataset train = new Adaptau.Dataset(context, USERS, ITEMS, trainPairs.users(), trainPairs.items());
             Adaptau.Dataset test = new Adaptau.Dataset(context, USERS, ITEMS, testPairs.users(), testPairs.items());
             Adaptau.Model model = new Adaptau.Model(context, train, modelOptions);
             Adaptau.Temperature temperature = new Adaptau.Temperature(context, train);
             Adaptau.Sampler sampler = new Adaptau.Sampler(context, train, samplerOptions);
             Adaptau.Evaluator evaluator = new Adaptau.Evaluator(context, test, CUTOFF, train)) {
            Fingerprint fingerprint = new Fingerprint();
            print("%d users, %d items, %d pairs", USERS, ITEMS, train.pairs());
            for (int epoch = 0; epoch < EPOCHS; epoch++) {
                double loss = trainEpoch(model, sampler, temperature, epoch);
                evaluator.run(model);
                double recall = evaluator.mean(Adaptau.Evaluator.RECALL), tau = temperature.state().tau0;
                print("epoch %d  loss %.6f  tau %.6f  recall@%d %.6f", epoch + 1, loss, tau, CUTOFF, recall);
                for (double number : new double[] {loss, tau, recall})
                    fingerprint.mix(number);
            }
            recommend(context, model, train, path, fingerprint);
            try {
                model.topK(new int[] {USERS}, BEST, null);
            } catch (Adaptau.Failure mistake) { // of the host's; the model is as usable as before
                print("user %d: %s: %s", USERS, mistake.name, mistake.getMessage());
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
