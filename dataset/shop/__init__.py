"""The synthetic shop: a beauty retailer whose customers choose by a known model.

A purchase of user u at time t, in epoch e = e(t) (30 days), is item i with probability

    P(i | u, t)  is proportional to  a_u(i) [ h_ut H_ut(i) + (1 - h_ut) d_ut(i) sum_m w_um(t) P_m(i | e) ]

(items that are already owned were allowed when they were bought, so a_u is 1 for them), where

- P_m(i | e) = A_m(i) S_e(i) / sum_j A_m(j) S_e(j): component m, a reason to buy. A_m(i) is the affinity of
  the item to the reason, S_e(i) = [launched before e] (rank_i + 8)^-.7 (1 + 1.5 exp(-age / 2)) its sales:
  Zipf popularity, higher for a new product. Reasons are
  *need* (a concern of a skin type: products that treat it, best those made for the type),
  *taste* (a style, seen in the botanical and sensory ingredients; its favourites differ from popularity),
  *price* (a tier), *brand* (loyalty), *fashion* (a trend ingredient; trend g has the share
  heat_g(e) of fashion, a bell over the epochs), *routine* (category c within the user's tier, with the share
  T(c | category last bought): cleanser, toner, serum, cream, sunscreen), and *base* (everything).
- w_um(t): shares of the reasons. Family shares are Dirichlet over users; need is shared among one to
  three concerns, which follow age and skin type; taste among two styles, which follow the region;
  brand among three brands, which follow the price tier. Fashion and routine change with t.
- H_ut(i) is how due item i is: among the last 32 purchases, x replenishment intervals (of the category)
  after the newest purchase of i, it rises from 0 at .6 to 1 at 1 and falls to 0 at 2.2; normalised to
  sum 1. h_ut = habit_u D / (D + 1) with D its sum before that.
- d_ut(i) = .12 for products among the last 32 purchases, else 1: what one has is rarely bought for
  another reason than habit.
- a_u(i) = 0 if i contains an ingredient that u avoids, else 1.

Choices are drawn by rejection: take habit or a component, an item of it by its running sum (a binary
search), and begin anew if a_u or d_ut refuses. So one draw costs O(log n_items), components are spelt out
for one epoch at a time, and no array of items x epochs or users x items exists. `ShopOracle` spells out
the same P(i | u, t) for whoever wants the best that can be said, given the purchases before t. What
happens around the purchases is made when it is asked for, for 131,072 users at a time, each such cohort
from a random stream of its own: beyond the purchases, 40 bytes each, memory does not grow with the events.

Views, searches and saves come before purchases, of the item and of others drawn from the same mixture
without habit; likes and ratings come after, the better the item suits the user. Labels, claims and what
users state are noisy signs of the model. Row order and ids are random.
"""
