"""The things the sketch model learns, by their emoji names: what people ask a picture of most.

A short training on one processor core gives each picture few looks. Some 450 things learned well
serve better than 1,300 that all look alike.
"""

from __future__ import annotations

ANIMALS = """
rat|mouse|ox|cow|tiger|leopard|rabbit|black cat|cat|dragon|crocodile|whale|snail|snake|horse|ram
goat|ewe|monkey|rooster|chicken|dog|pig|elephant|octopus|bug|ant|honeybee|lady beetle|fish
tropical fish|turtle|hatching chick|baby chick|bird|penguin|koala|camel|dolphin|spouting whale
frog|hamster|wolf|polar bear|bear|panda|dove|spider|crab|lion|unicorn|eagle|duck|bat|shark|owl
fox|butterfly|deer|gorilla|lizard|giraffe|zebra|hedgehog|sauropod|t-rex|kangaroo|parrot|raccoon
lobster|swan|otter|flamingo|worm|mouse face|cow face|tiger face|rabbit face|cat face|dragon face
horse face|monkey face|dog face|pig face
"""
FOOD = """
hot dog|taco|chestnut|hot pepper|ear of corn|mushroom|tomato|eggplant|grapes|melon|watermelon
tangerine|lemon|banana|pineapple|red apple|green apple|pear|peach|cherries|strawberry|hamburger
pizza|cooked rice|spaghetti|bread|french fries|sushi|soft ice cream|ice cream|doughnut|cookie
chocolate bar|candy|lollipop|honey pot|shortcake|wine glass|beer mug|popcorn|birthday cake
croissant|avocado|cucumber|potato|carrot|egg|pancakes|broccoli|pie|pretzel|sandwich|cheese wedge
cupcake|garlic|onion|waffle|bubble tea|blueberries|bell pepper|teapot|hot beverage|glass of milk
cup with straw|coconut
"""
NATURE = """
seedling|evergreen tree|deciduous tree|palm tree|cactus|tulip|cherry blossom|rose|sunflower
blossom|herb|four leaf clover|maple leaf|fallen leaf|rainbow|water wave|volcano|full moon
crescent moon|cloud|cloud with rain|cloud with snow|cloud with lightning|tornado|fire|droplet
sun|sun with face|star|glowing star|snowflake|snowman|comet|mountain|snow-capped mountain
high voltage|shooting star|potted plant|feather|rock|desert island|ringed planet|spiral shell
coral|bouquet|hibiscus|wood
"""
VEHICLES = """
rocket|helicopter|locomotive|train|tram|bus|ambulance|fire engine|police car|taxi|automobile
delivery truck|tractor|ship|speedboat|bicycle|motor scooter|motorcycle|racing car|sailboat
airplane|flying saucer|canoe|anchor|wheel|satellite|parachute|kick scooter|skateboard
"""
PLACES = """
house|house with garden|castle|church|school|hospital|factory|tent|circus tent|ferris wheel
fountain|hut|bank|statue of liberty|tokyo tower|classical building
"""
OBJECTS = """
umbrella|closed umbrella|ribbon|wrapped gift|jack-o-lantern|christmas tree|balloon|fireworks
party popper|microphone|headphone|top hat|crown|musical note|saxophone|guitar|trumpet|violin
drum|musical keyboard|accordion|basketball|soccer ball|tennis|american football|trophy|game die
bullseye|glasses|necktie|t-shirt|jeans|dress|handbag|running shoe|high-heeled shoe|scarf|gloves
coat|socks|backpack|ring|gem stone|light bulb|bomb|money bag|laptop|floppy disk|open book
closed book|green book|blue book|orange book|books|scroll|telephone|mobile phone|camera
television|radio|battery|magnifying glass tilted left|key|old key|locked|bell|hammer|wrench|axe
scissors|pencil|paintbrush|crayon|dagger|crossed swords|shield|bow and arrow|magic wand
crystal ball|telescope|microscope|candle|alarm clock|watch|hourglass done|bed|chair|door|toilet
bathtub|couch and lamp|toothbrush|broom|basket|bucket|soap|magnet|compass|envelope|package|gear
teddy bear|kite|yo-yo|puzzle piece|video game|joystick|robot|artist palette|film projector|coin
mirror|window|ladder|bone|tooth|brain|spoon|kitchen knife|fork and knife|bowl with spoon|pen
newspaper|airplane departure|pirate flag|sunglasses|rescue worker’s helmet|graduation cap
billed cap|yarn|thread|jar|nest with eggs|world map
"""
FIGURES = """
ghost|alien|alien monster|skull|pile of poo|goblin|ogre|fairy|mage|mermaid|vampire|zombie|elf
genie|princess|prince|santa claus|astronaut|ninja|superhero|baby|boy|girl|clown face
snowman without snow|red heart|blue heart|green heart|yellow heart|purple heart|black heart
white heart|orange heart|broken heart|sparkling heart|eye|eyes|ear|nose|mouth|thumbs up
thumbs down|waving hand|raised hand
"""
FACES = """
grinning face|smiling face|slightly smiling face|smiling face with heart-eyes|winking face
smiling face with sunglasses|crying face|loudly crying face|angry face|enraged face
sleeping face|face with tears of joy|face with tongue|thinking face|neutral face|frowning face
nauseated face|smiling face with horns|smiling face with halo|partying face|cowboy hat face
nerd face|exploding head|face screaming in fear|kissing face|zany face|hot face|cold face
"""
THINGS = frozenset(
    name
    for group in (ANIMALS, FOOD, NATURE, VEHICLES, PLACES, OBJECTS, FIGURES, FACES)
    for line in group.strip().split("\n")
    for name in line.split("|")
)
"""Names in lower case, as the captions of the picture sets have them."""
