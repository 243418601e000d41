"""The recipe inside the file: put in, read and taken out of PNG, WAV, FLAC, MIDI, Markdown, ABC.

Only the containers are touched, never the picture or the sound. Formats: PNG (W3C PNG, iTXt),
RIFF WAVE (LIST INFO), FLAC (Vorbis comment block), Standard MIDI File (text meta event), Markdown
(YAML front matter; one line of JSON is valid YAML), ABC (`%` comment lines).
"""
