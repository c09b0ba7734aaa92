"""Colours of cloth by name, as CIE Lab under D65.

Source: the centroids of the ISCC-NBS colour categories for object colours (K. L. Kelly, "Central notations for the revised ISCC-NBS
color-name blocks", J. Res. NBS 61 (1958) 427; K. L. Kelly and D. B. Judd, "Color: Universal Language and Dictionary of Names", NBS Special
Publication 440, 1976), works of the United States government and so in the public domain, in their published sRGB values. A name has the
centroid of the category that the Standard Color Card of America, the dictionary of the textile trade in the same book, gives it, or the
mean of two where shops mean the cloth between them. Categories stand beside each name. No cloth has the colours of CSS: its red is as far
from a red shirt as orange is.
"""

from __future__ import annotations

FABRICS: dict[str, tuple[float, float, float]] = {
    "black": (13.2, 0.0, 0.0),  # black
    "charcoal": (24.7, 0.0, 0.0),  # black and dark grey
    "darkgrey": (36.1, 0.0, 0.0),  # dark grey
    "grey": (64.9, -0.3, 1.4),  # medium grey and light grey
    "lightgrey": (74.8, -0.2, 1.6),  # light grey
    "silver": (74.8, -0.2, 1.6),  # light grey
    "white": (95.8, -0.2, -0.6),  # white
    "offwhite": (92.7, -1.3, 10.4),  # yellowish white
    "ivory": (92.7, -1.3, 10.4),  # yellowish white
    "cream": (91.7, -2.6, 20.2),  # yellowish white and pale yellow
    "beige": (78.8, 0.8, 13.1),  # yellowish white and light greyish yellowish brown
    "sand": (73.8, -1.3, 19.1),  # yellowish grey and greyish yellow
    "khaki": (62.5, 1.4, 21.6),  # dark greyish yellow and light greyish yellowish brown
    "tan": (65.6, 5.7, 22.9),  # light yellowish brown and light greyish yellowish brown
    "camel": (66.1, 8.4, 30.2),  # light yellowish brown
    "taupe": (55.2, 2.9, 6.5),  # light brownish grey
    "cognac": (43.6, 22.2, 37.0),  # strong brown and brownish orange
    "brown": (36.2, 10.9, 19.1),  # moderate brown
    "chocolate": (27.2, 11.5, 16.8),  # moderate brown and dark brown
    "darkbrown": (18.1, 12.2, 14.4),  # dark brown
    "red": (42.6, 58.0, 25.7),  # vivid red and strong red
    "crimson": (34.5, 54.9, 23.3),  # vivid red and deep red
    "maroon": (29.1, 37.5, 13.3),  # deep red and dark red
    "burgundy": (23.7, 33.7, 8.8),  # dark red and very deep red
    "wine": (23.7, 33.7, 8.8),  # dark red and very deep red
    "rust": (40.8, 40.0, 35.1),  # deep reddish orange and dark reddish orange
    "tomato": (55.5, 45.2, 43.6),  # strong reddish orange
    "orange": (60.8, 43.7, 64.2),  # vivid orange and vivid reddish orange
    "apricot": (66.1, 22.1, 40.7),  # moderate orange
    "peach": (80.9, 18.4, 22.1),  # light orange and light yellowish pink
    "coral": (63.3, 40.5, 37.0),  # strong reddish orange and strong yellowish pink
    "salmon": (72.0, 27.5, 18.0),  # strong yellowish pink and moderate yellowish pink
    "pink": (75.4, 27.4, 4.7),  # light purplish pink and strong pink
    "lightpink": (82.8, 17.8, 6.8),  # light yellowish pink
    "dustypink": (73.0, 20.9, 8.8),  # moderate pink
    "blush": (87.7, 6.0, 2.7),  # pale pink
    "hotpink": (55.8, 53.1, -2.1),  # deep purplish pink and vivid purplish red
    "fuchsia": (50.5, 57.4, 2.6),  # vivid purplish red
    "magenta": (47.8, 48.9, -7.2),  # vivid purplish red and strong reddish purple
    "mustard": (61.1, 15.0, 57.2),  # dark orange yellow and deep orange yellow
    "gold": (66.5, 8.7, 56.9),  # dark yellow and strong orange yellow
    "yellow": (84.2, 0.2, 72.8),  # vivid yellow and brilliant yellow
    "lightyellow": (88.8, -3.2, 50.0),  # light yellow
    "lime": (75.8, -31.1, 64.7),  # vivid yellow green and brilliant yellow green
    "olive": (38.1, -3.7, 24.7),  # moderate olive and greyish olive
    "sage": (61.1, -8.4, 14.9),  # greyish yellow green
    "mint": (83.8, -20.4, 6.3),  # very light green and very pale green
    "green": (43.0, -34.6, 19.5),  # strong yellowish green and deep green
    "seagreen": (45.9, -25.7, 6.6),  # moderate green
    "darkgreen": (29.1, -21.0, 3.9),  # dark green
    "forestgreen": (36.1, -22.8, 15.7),  # dark yellowish green
    "bottlegreen": (29.1, -21.0, 3.9),  # dark green
    "teal": (37.1, -18.6, -9.2),  # moderate bluish green and dark greenish blue
    "turquoise": (60.7, -31.5, -12.0),  # brilliant bluish green and brilliant greenish blue
    "aqua": (66.1, -24.5, -2.4),  # light bluish green
    "lightblue": (81.7, -4.3, -17.6),  # very light blue and very pale blue
    "skyblue": (79.7, -4.4, -23.6),  # very light blue
    "steelblue": (44.1, -1.3, -27.2),  # moderate blue
    "denim": (43.5, -2.5, -19.3),  # moderate blue and greyish blue
    "blue": (34.0, -1.2, -34.6),  # strong blue and deep blue
    "royalblue": (41.5, 9.1, -41.3),  # strong blue and strong purplish blue
    "navy": (15.7, 3.8, -12.0),  # dark purplish blue and blackish blue
    "indigo": (16.5, 13.2, -24.4),  # deep purplish blue and dark purplish blue
    "purple": (36.2, 31.7, -25.4),  # strong purple and deep purple
    "violet": (38.1, 25.1, -37.6),  # strong violet
    "lavender": (79.1, 10.4, -12.9),  # very light purple and very pale violet
    "lilac": (72.3, 17.8, -15.3),  # very light purple and light purple
    "plum": (29.2, 29.7, -14.4),  # dark reddish purple and deep reddish purple
}
