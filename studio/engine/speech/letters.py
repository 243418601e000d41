"""How an English word of no dictionary is read: letter-to-sound rules and a guess at stress.

The manner of rules is that of Elovitz, Johnson, McHugh and Shore, "Automatic translation of
English text to phonetics by means of letter-to-sound rules", NRL Report 7948, 1976: the first
rule whose letters and surroundings fit, from the left. Phonemes are written as misaki does.
"""

from __future__ import annotations

import re
from functools import lru_cache

VOWELS = "AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻ"
_CLASSES = {
    "#": "[aeiouy]+",  # one or more vowels
    ":": "[^aeiouy ]*",  # any consonants
    "^": "[^aeiouy ]",  # one consonant
    "+": "[eiy]",  # a front vowel
    "%": "(?:er|es|ed|ing|ely|e) ",  # an ending
    "*": "[^aeiouy ]+",  # one or more consonants
    "_": " ",  # the end of the word
}
# left[letters]right=phonemes, in the order in which they are tried for their first letter.
_RULES = """
[a]_=ə ^[a]_=ə [air]=ɛɹ [aire]=ɛɹ [ai]=A [ayer]=Aəɹ [ay]=A [augh]=ɔ [au]=ɔ [aw]=ɔ [alk]=ɔk
[all]=ɔl [al]m=ɑ [al]f=æ [arr]=ɛɹ w[ar]=ɔɹ qu[ar]=ɔɹ #:[ar]_=əɹ [are]_=ɛɹ [ar]=ɑɹ [ange]=Anʤ
[able]_=əbᵊl #:[al]_=ᵊl #:[als]_=ᵊlz #:[an]_=ən #:[ant]_=ənt #:[ance]_=əns #:[age]_=ɪʤ [ae]=i
[ation]=Aʃən [a]tion=A [a]tious=A [a]ge=A w[a]sh=ɑ w[a]t=ɑ w[a]n=ɑ [a]^%=A [a]^+=A [a]*le_=A
[a]ste_=A _:[a]^ie=A [ah]=ɑ [a]=æ
[bb]=b m[b]_= [bt]_=t [b]=b
[cch]=k [cc]+=ks [cc]=k [ch]r=k s[ch]=k [chn]=kn [ch]ord=k [ch]=ʧ [ciou]=ʃə [cia]=ʃə [ck]=k
[cial]_=ʃəl [cian]=ʃən [cient]=ʃənt [cz]=z s[c]+= [c]+=s [c]=k
[dge]=ʤ [dg]+=ʤ [dd]=d ^#:^[ed]_=d t[ed]_=ᵻd [dj]=ʤ [d]=d
t[ed]_=ᵻd d[ed]_=ᵻd p[ed]_=t k[ed]_=t s[ed]_=t f[ed]_=t sh[ed]_=t ch[ed]_=t x[ed]_=t
#:[ed]_=d [eau]=O [eigh]=A [eer]=ɪɹ [ee]=i [ear]_=ɪɹ [ear]n=ɜɹ [ear]th=ɜɹ [ear]ch=ɜɹ [ear]=ɪɹ
[ead]_=ɛd [eath]=ɛθ [ea]=i [ei]gn=A [eir]=ɛɹ c[ei]=i [ei]=I [eur]=jʊɹ [eu]=ju [ew]=u [ey]_=i
[ey]=A
#:[er]_=əɹ #:[ers]_=əɹz [err]=ɛɹ [ere]_=ɪɹ [er]#=ɛɹ [er]=ɜɹ ^[ement]_=mᵊnt #:[ement]_=mənt
#:[eness]_=nəs #:[eless]_=ləs #:[eful]_=fᵊl #:[ely]_=li #:[ent]_=ənt #:[ence]_=əns #:[en]_=ən
#:[el]_=ᵊl s[es]_=ᵻz z[es]_=ᵻz x[es]_=ᵻz ch[es]_=ᵻz sh[es]_=ᵻz c[es]_=ᵻz g[es]_=ᵻz #:[es]_=z
#:^[e]_= #:[e]_= *[e]_=i [e]^e_=i [evo]=ivO _[e]x=ɪ [e]tion=i [e]^ia=i [e]w=u [e]=ɛ
[ff]=f #:[ful]_=fᵊl [f]=f
[gn]_=n _[gn]=n [gg]=ɡ [ght]=t [gh]_= _[gh]=ɡ #[gh]= [gu]+=ɡ [gue]_=ɡ [ge]_=ʤ [geous]=ʤəs
[gious]=ʤəs
_[g]i^=ɡ _[ge]t=ɡɛ [g]er_=ɡ n[g]_= n[g]s_= [g]+=ʤ [g]=ɡ
w[h]= r[h]= [h]#=h [h]=
[iar]=iəɹ [ia]_=iə [ial]_=iəl [ian]_=iən [ience]_=iəns [ient]_=iənt [ier]_=iəɹ [ious]_=iəs
[ium]_=iəm
[igh]=I [ign]_=In [ign]%=In [ild]_=Ild [ind]_=Ind [ique]_=ik [ine]_=in [ing]_=ɪŋ [ings]_=ɪŋz
[ism]_=ɪzəm
[ible]_=əbᵊl [ical]_=ɪkᵊl [ir]#=Iɹ [ir]=ɜɹ [ies]_=iz [ied]_=id [ie]_=i [ie]=i [io]=iO [i]on=i
#:[ity]_=əɾi
[ize]=Iz [ise]_=Iz #:^[i]ve_=ɪ [i]^e_=I [i]^%=I [i]*le_=I _:[i]^ing=I _b[i]#=I [i]_=i [i]=ɪ
[j]=ʤ
_[kn]=n [k]=k
^[le]_=ᵊl ^[les]_=ᵊlz ^[led]_=ᵊld [ll]=l #:[less]_=ləs #:[ly]_=li [l]=l
_[mc]=mək [mm]=m [mn]_=m #:[ment]_=mᵊnt [m]=m
[ngth]=ŋθ [ng]er_=ŋəɹ [ng]_=ŋ [ngs]_=ŋz [ngl]=ŋɡl [ng]r=ŋɡ [ng]+=nʤ [ng]=ŋɡ [nk]=ŋk [nx]=ŋks
[nn]=n #:[ness]_=nəs [n]=n
[ought]=ɔt [ough]_=O [ough]=ʌf [ould]=ʊd [ound]=Wnd [ous]_=əs [ously]_=əsli [our]_=ɔɹ [our]=ɔɹ
[oup]=up
[ou]=W [ook]=ʊk [oor]=ɔɹ [ood]=ʊd [oo]=u [oa]r=ɔ [oa]=O [oi]=Y [oy]=Y [oe]_=O [oes]_=Oz [ow]_=O
[ow]n_=O [ow]=W [old]=Old [oll]_=Ol [olk]=Ok [ology]_=ˈɑləʤi [orough]=ɜɹO w[or]=ɜɹ #:[or]_=əɹ
#:[ors]_=əɹz [ore]_=ɔɹ [orr]=ɔɹ [or]=ɔɹ #:^[on]_=ən [ost]_=Ost [othe]r=ʌð [o]tion=O [o]ss=ɔ
[o]^%=O
[o]^ing=O [o]*le_=O [o]^+=O [o]_=O [os]_=Oz #:[om]_=əm [oh]=O [o]=ɑ
[ph]=f _[ps]=s _[pn]=n [pp]=p [p]=p
[que]_=k [qu]=kw [q]=k
_[rh]=ɹ [rr]=ɹ [r]=ɹ
[sch]=sk [sci]+=sI [sion]_=ʃən #[sion]=ʒən #[sure]=ʒəɹ [sure]=ʃʊɹ [ssion]=ʃən [sh]=ʃ #[s]#s=z
[sm]_=zəm
#[se]_=z #:[ss]=s [ss]=s .[s]_=z b[s]_=z d[s]_=z g[s]_=z l[s]_=z m[s]_=z n[s]_=z r[s]_=z v[s]_=z
w[s]_=z y[s]_=z e[s]_=z o[s]_=z a[s]_=z i[s]_=z #[s]#=z [s]=s
[tch]=ʧ [thm]=ðəm [the]_=ð [ther]=ðəɹ [th]=θ [tion]=ʃən [tious]=ʃəs [tial]=ʃəl [tian]=ʃən
[tient]=ʃənt
[ture]=ʧəɹ [tu]al=ʧu [tt]#=ɾ [tt]=t s[t]le=_ s[t]en= [t]=t
_[uni]=junɪ _[un]=ʌn _[up]=ʌp [ur]_=ɜɹ [urr]=ɜɹ [ure]_=jʊɹ [ur]#=jʊɹ [ur]=ɜɹ [uy]=I [ui]=u [ue]_=u
#:[um]_=əm #:[us]_=əs r[u]^+=u r[u]_=u r[ue]=u l[u]^%=u j[u]^%=u ch[u]^%=u [u]^%=ju [u]^+=ju
[u]^a=ju _[u]^#=ju [u]_=u
q[u]=w [un]_=ən [u]=ʌ
[v]=v
[wr]=ɹ [who]=hu [wh]=w [wor]=wɜɹ #[w]_= [w]=w
_[x]=z [xc]+=ks [xh]=ɡz e[x]#=ɡz [x]=ks
_[y]=j #:^[y]_=i #:[y]_=i _:[y]_=I [y]^e_=I [yr]#=Iɹ [y]r=ɜ [y]^+=I #[y]= [y]=ɪ
[zz]=z [z]=z
"""
_HEAVY = re.compile(
    r"(?:tion|sion|cian|ic|ical|ity|ian|ial|ious|eous|ify|ology|ography)(?:s|al|ally)?$"
)
_OWN = re.compile(r"(?:ee|eer|ese|ette|ique|oon|ade)s?$")
_PREFIX = re.compile(r"^(?:re|de|un|dis|mis|pre|be|con|com|in|im|ex|ad|ab|pro|per|sub|trans)")


def spell(word: str) -> str:
    """A word of letters a to z in phonemes, with stress. Letters that are none are passed over."""
    letters = "".join(c for c in word.lower() if "a" <= c <= "z")
    padded, at, found = f" {letters} ", 1, ""
    while at <= len(letters):
        for left, text, right, phonemes in _table().get(padded[at], ()):
            if (
                padded.startswith(text, at)
                and right.match(padded, at + len(text))
                and left.search(padded, 0, at)
            ):
                found += phonemes
                at += len(text)
                break
        else:
            at += 1
    return found if "ˈ" in found else stressed(found, letters)


def stressed(phonemes: str, letters: str) -> str:
    """The phonemes with primary stress on one vowel, chosen by the word's ending and length."""
    places = [m.start() for m in re.finditer(f"[{VOWELS}]", phonemes)]
    if not places:
        return phonemes
    full = [p for p in places if phonemes[p] not in "əᵻ"] or places
    if len(places) == 1:
        place = places[0]
    elif _OWN.search(letters):
        place = full[-1]
    elif _HEAVY.search(letters) and len(places) >= 2:
        before = [p for p in full if p < places[-1]] or full
        place = before[-1]
    elif len(places) == 2:
        place = full[-1] if _PREFIX.match(letters) and full[-1] == places[-1] else full[0]
    else:
        early = [p for p in full if p <= places[-3]]
        place = (early or full)[-1] if early else full[0]
    if len(places) > 2:
        weak = [p for p in places[1:] if p != place and phonemes[p] in "æɑʌɛ"]
        for p in weak:
            # What follows or precedes the beat loses its colour.
            phonemes = f"{phonemes[:p]}ə{phonemes[p + 1 :]}"
    return f"{phonemes[:place]}ˈ{phonemes[place:]}"


@lru_cache(maxsize=1)
def _table() -> dict[str, list[tuple[re.Pattern[str], str, re.Pattern[str], str]]]:
    """The rules by their first letter: left surroundings, letters, right surroundings, phonemes."""
    table: dict[str, list[tuple[re.Pattern[str], str, re.Pattern[str], str]]] = {}
    for rule in _RULES.split():
        place, _, phonemes = rule.partition("=")
        left, letters, right = re.split(r"[\[\]]", place)
        table.setdefault(letters[0], []).append(
            (re.compile(_pattern(left) + "$"), letters, re.compile(_pattern(right)),
             phonemes.strip("_"))
        )  # fmt: skip
    return table


def _pattern(text: str) -> str:
    return "".join(_CLASSES.get(c, re.escape(c)) for c in text)
