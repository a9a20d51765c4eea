"""The ids of the exchanges in ccxt, so that a misspelt one is found without the package."""

from typing import Final

_NAMES: Final = """
    alpaca apex aster backpack bequant bigone binance binancecoinm binanceus binanceusdm bingx bit2c bitbank bitbns
    bitfinex bitflyer bitget bithumb bitopro bitrue bitso bitstamp bitteam bittrade bitvavo blockchaincom blofin btcbox
    btcmarkets btcturk btse bullish bybit bybiteu bybitid bydfi cex coinbase coinbaseexchange coinbaseinternational
    coincheck coinmate coinone coinsph coinspot cryptocom cryptomus deepcoin delta deribit derive digifinex dydx
    extended fmfwio foxbit gate gateeu gemini grvt hashkey hibachi hitbtc hollaex htx hyperliquid independentreserve
    indodax kraken krakenfutures kucoin kucoinfutures latoken lbank lighter luno mercado mexc modetrade mudrex myokx
    nado ndax okx okxus onetrading p2b pacifica paradex paymium phemex poloniex polymarket revolutx tokocrypto toobit
    upbit weex whitebit woo woofipro xt zaif zebpay

    aax ascendex bibox bitbay bitcoincom bitfinex2 bitforex bitmart bitmex bitpanda bitstamp1 bittrex bitz bkex bl3p
    btcalpha buda cdax coinbaseprime coinbasepro coincatch coinex coinlist currencycom deversifi eqonex exmo ftx ftxus
    gateio gopax hitbtc3 huobi huobijp huobipro idex itbit kuna liquid lykke mexc3 novadax oceanex okcoin okex okex5
    oxfun poloniexfutures probit ripio stex therock tidex timex vertex wavesexchange yobit zb zonda
"""
#: The exchanges of ccxt 4.5, then those that it had before: there are recordings of their markets.
CCXT: Final = frozenset(_NAMES.split())
