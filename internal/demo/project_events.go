package demo

// eventSource goes behind the database in humpty.yaml.
const eventSource = `  bus:
    kafka: {brokers: ["%s"]}
`

// eventModels are the projections that events have a part in. They are rebuilt by a replay
// up to the end of the topic as it is when the rebuild begins.
const eventModels = `
  parcels:                             # events, with what a table has: one document a parcel
    target: search
    alias: parcels
    index:
      settings: {number_of_shards: 1, number_of_replicas: 0}
      mappings:
        dynamic: strict
        properties:
          parcel: {type: keyword}
          order: {type: long}
          carrier: {type: keyword}
          status: {type: keyword}
          stops: {type: keyword}
          sold: {properties: {o_orderstatus: {type: keyword}, o_totalprice: {type: double}}}
    document:
      from: bus.parcel-events
      key: parcel                      # where the document's id is, in the event
      type: type                       # and the event's type
      handlers: &parcel                # what each type of event does to the document
        Packed: [{set: parcel, from: parcel}, {set: order, from: order}, {set: carrier, from: carrier}, {set: status, value: packed}]
        Moved: [{append: stops, from: stop}, {set: status, value: moving}]
        Delivered: [{set: status, value: delivered}]
        Lost: [{delete: true}]
      include:
        sold: {from: db.shop.orders, on: {o_orderkey: order}, one: true, columns: [o_orderstatus, o_totalprice]}

  deliveries:                          # a table, with what events fold to: one document an order
    target: search
    alias: deliveries
    index:
      settings: {number_of_shards: 1, number_of_replicas: 0}
      mappings:
        dynamic: strict
        properties:
          o_orderkey: {type: long}
          o_orderstatus: {type: keyword}
          o_orderdate: {type: date}
          parcels:
            properties:
              parcel: {type: keyword}
              order: {type: long}
              carrier: {type: keyword}
              status: {type: keyword}
              stops: {type: keyword}
    document:
      from: db.shop.orders
      where: o_orderstatus <> 'fulfilled'
      columns: [o_orderkey, o_orderstatus, o_orderdate]
      include:
        parcels: {from: bus.parcel-events, key: parcel, type: type, handlers: *parcel, on: {order: o_orderkey}, many: true, order_by: [parcel]}
`
