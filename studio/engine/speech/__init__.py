"""From written text to what a voice reads: sentences, words in full, phonemes. No model in here."""
